-- The rows of one calendar's day, as the database had them, are one hash:
--
--   `<slot>`   `<ver>:<state>:<lock>:<owner>:<expires_ms>`
--   `=`        `<as_of_ms>`: filled; whatever was committed by then, by the database's clock, is in it
--   `?`        `<nonce> <until_ms>`: somebody is filling it, by Redis' own clock until then
--
-- Without `=` it is not filled: only what settled since the fill was announced is there. Something else under the key,
-- written by hand or by another program, is left alone, and the day is read from the database.
local function is_day(day_key)
  return redis.call('TYPE', day_key).ok == 'hash'
end

-- Of each slot the greater version stays. The version is compared as a number and kept as text, see lib/mark.
local function merge_day_row(day_key, slot, row)
  local there = redis.call('HGET', day_key, slot)
  local ver = tonumber(string.match(row, '^(%d+):'))
  local ver_there = there and tonumber(string.match(there, '^(%d+):'))
  if not ver_there or ver > ver_there then
    redis.call('HSET', day_key, slot, row)
  end
end

-- One that has grown past the bound while it was kept: a reading would wait for all of it. A fill that is under way finds
-- its announcement gone.
local function drop_full_day(day_key, day_rows_max)
  local marks = redis.call('HEXISTS', day_key, '=') + redis.call('HEXISTS', day_key, '?')
  if redis.call('HLEN', day_key) - marks > day_rows_max then
    redis.call('UNLINK', day_key)
  end
end
