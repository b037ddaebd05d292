-- Notes which days were read, of which calendars, and how often the rows were here. Past a bound of days or of rows those
-- that were not read the longest are taken off the list and named, for the caller to delete: they are keys of other
-- calendars, and may live elsewhere.
--
-- Sent twice it counts twice, so it is never sent again: what was lost is missing from the counts.
--
-- Returns one of
--   { 'NOTED', day, … }   `<calendar> <day>` of each that must go
--   { 'LATE' }            executed after the deadline; nothing was noted
local read_key    = KEYS[1]             -- sorted set: `<calendar> <day>` -> when it was last read, by Redis' own clock
local sizes_key   = KEYS[2]             -- hash: `<calendar> <day>` -> its rows
local counts_key  = KEYS[3]             -- hash: `hits`, `misses`, and `rows` of all days together
local hits        = ARGV[1]             -- integer: to be added
local misses      = ARGV[2]             -- integer: to be added
local days_max    = tonumber(ARGV[3])   -- integer: days that are kept
local rows_max    = tonumber(ARGV[4])   -- integer: rows that are kept, all days together
local keep_ms     = tonumber(ARGV[5])   -- integer: all of this lives so long after it was last written
local deadline_ms = tonumber(ARGV[6])   -- integer: by Redis' own clock
local days        = { unpack(ARGV, 7) } -- strings: `<rows> <calendar> <day>`

--- @include "lib/now_ms"

local now = now_ms()
if now > deadline_ms then
  return { 'LATE' }
end

redis.call('HINCRBY', counts_key, 'hits', hits)
redis.call('HINCRBY', counts_key, 'misses', misses)
for _, text in ipairs(days) do
  local rows, day = string.match(text, '^(%d+) (.+)$')
  local before = tonumber(redis.call('HGET', sizes_key, day) or '0')
  redis.call('HSET', sizes_key, day, rows)
  redis.call('HINCRBY', counts_key, 'rows', tonumber(rows) - before)
  redis.call('ZADD', read_key, now, day)
end

local reply = { 'NOTED' }
local days_there = redis.call('ZCARD', read_key)
local rows_there = tonumber(redis.call('HGET', counts_key, 'rows') or '0')
while days_there > 0 and (days_there > days_max or rows_there > rows_max) do
  local day = redis.call('ZPOPMIN', read_key)[1]
  local rows = tonumber(redis.call('HGET', sizes_key, day) or '0')
  redis.call('HDEL', sizes_key, day)
  redis.call('HINCRBY', counts_key, 'rows', -rows)
  days_there = days_there - 1
  rows_there = rows_there - rows
  reply[#reply + 1] = day
end
for _, key in ipairs({ read_key, sizes_key, counts_key }) do
  redis.call('PEXPIRE', key, keep_ms)
end
return reply
