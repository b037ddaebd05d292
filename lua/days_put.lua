-- Brings the rows of days that were leased, and declares them filled. What settled since the lease has a greater version
-- than what was read, and stays. A day whose lease has gone (it took too long, somebody took over, Redis was emptied)
-- is left as it is: something may have settled while nothing was here to put it beside.
--
-- Safe to send twice: the second call finds the lease gone.
--
-- Returns one of
--   { 'FILLED', done, … }   for each day 1 if it is filled now, else 0
--   { 'LATE' }              executed after the deadline; nothing was brought
local day_keys    = { unpack(KEYS, 1) } -- strings: see lib/day_rows
local nonce       = ARGV[1]             -- string: of the lease
local as_of_ms    = ARGV[2]             -- integer: by the database's clock, before the rows were read; as text
local ttl_ms      = tonumber(ARGV[3])   -- integer: how long the days live
local deadline_ms = tonumber(ARGV[4])   -- integer: by Redis' own clock
local rows        = { unpack(ARGV, 5) } -- strings: `<position of the day, from 1> <slot> <row>`

--- @include "lib/now_ms"
--- @include "lib/day_rows"

if now_ms() > deadline_ms then
  return { 'LATE' }
end

local reply = { 'FILLED' }
for position, day_key in ipairs(day_keys) do
  local mine = is_day(day_key) and string.match(redis.call('HGET', day_key, '?') or '', '^(%S+) ') == nonce
  reply[position + 1] = mine and 1 or 0
end
for _, text in ipairs(rows) do
  local position, slot, row = string.match(text, '^(%d+) (%S+) (%d+:%S+)$')
  assert(row, 'no row: ' .. text)
  if reply[tonumber(position) + 1] == 1 then
    merge_day_row(day_keys[tonumber(position)], slot, row)
  end
end
for position, day_key in ipairs(day_keys) do
  if reply[position + 1] == 1 then
    redis.call('HSET', day_key, '=', as_of_ms)
    redis.call('HDEL', day_key, '?')
    redis.call('PEXPIRE', day_key, ttl_ms)
  end
end
return reply
