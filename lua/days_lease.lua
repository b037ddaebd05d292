-- Announces that days are about to be read from the database and brought here. From now on whatever settles is put
-- beside the announcement, so that a row which was read before a change cannot be brought after it and stand.
--
-- A day that somebody else is filling is theirs until their time is over.
--
-- Safe to send twice: the second call finds its own announcement.
--
-- Returns one of
--   { 'LEASED', mine, … }   for each day 1 if it is this caller's to fill, else 0
--   { 'LATE' }              executed after the deadline; nothing was announced
local day_keys    = { unpack(KEYS, 1) } -- strings: see lib/day_rows
local nonce       = ARGV[1]             -- string: names this fill
local lease_ms    = tonumber(ARGV[2])   -- integer: the fill has so long
local deadline_ms = tonumber(ARGV[3])   -- integer: by Redis' own clock

--- @include "lib/now_ms"
--- @include "lib/day_rows"

local now = now_ms()
if now > deadline_ms then
  return { 'LATE' }
end

local reply = { 'LEASED' }
for _, day_key in ipairs(day_keys) do
  local mine = 0
  if is_day(day_key) then
    local other, until_ms = string.match(redis.call('HGET', day_key, '?') or '', '^(%S+) (%d+)$')
    if not other or other == nonce or tonumber(until_ms) <= now then
      redis.call('HSET', day_key, '?', nonce .. ' ' .. string.format('%d', now + lease_ms))
      mine = 1
    end
  elseif redis.call('EXISTS', day_key) == 0 then
    redis.call('HSET', day_key, '?', nonce .. ' ' .. string.format('%d', now + lease_ms))
    redis.call('PEXPIRE', day_key, lease_ms)
    mine = 1
  end
  reply[#reply + 1] = mine
end
return reply
