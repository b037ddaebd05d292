--- @include "lib/mark"

-- Writes what the database says of each slot, unless the same or a greater version is there, and returns how many
-- were written. `rows[i]` belongs to `slot_keys[i]` and begins with `<ttl_ms> <mark>`.
--
-- A slot that became free while another lock's reservation stands keeps the reservation and takes the version: the
-- one who is asking the database at this moment will not be refused by news of the past.
--
-- All rows are read before the first is written: an error in a script does not roll back what it wrote.
local function write_marks(slot_keys, rows)
  local present = redis.call('MGET', unpack(slot_keys))
  local writes = {}
  for i, slot_key in ipairs(slot_keys) do
    local ttl_ms, text = string.match(rows[i], '^(%d+) (%S+)')
    local before, after = read_mark(present[i]), read_mark(text)
    assert(text and after.state ~= 'foreign', 'no mark: ' .. rows[i])
    if after.ver > before.ver then
      if after.state == 'free' and before.state == 'pending' and before.lock ~= after.lock then
        writes[#writes + 1] = { slot_key, after.ver_text .. ':pending:' .. before.lock, 'KEEPTTL' }
      else
        writes[#writes + 1] = { slot_key, text, 'PX', ttl_ms }
      end
    end
  end
  for _, write in ipairs(writes) do
    redis.call('SET', unpack(write))
  end
  return #writes
end
