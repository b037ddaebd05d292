-- Declares a calendar filled, if no other fill began after this one. Reservations mean something from here on.
--
-- The marker lives shorter than the longest mark, so that a calendar in use is filled anew before its marks of
-- bookings lapse, and one that nobody uses leaves Redis by itself.
--
-- Safe to send twice: the second call finds its own marker.
--
-- Returns one of
--   { 'READY' }       the calendar is filled
--   { 'OVERTAKEN' }   another fill began later, or this one took too long; the marker is not this one's to set
local generation_key = KEYS[1]           -- string: `H:<nonce>` while this fill goes on, then `R:<nonce>`
local nonce          = ARGV[1]           -- string: names this fill
local generation_ms  = tonumber(ARGV[2]) -- integer: how long the calendar counts as filled

local generation = redis.call('GET', generation_key)
if generation == 'R:' .. nonce then
  return { 'READY' }
end
if generation ~= 'H:' .. nonce then
  return { 'OVERTAKEN' }
end

redis.call('SET', generation_key, 'R:' .. nonce, 'PX', generation_ms)
return { 'READY' }
