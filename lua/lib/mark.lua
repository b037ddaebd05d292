-- A slot's mark is one string, `<ver>:<state>:<lock>`.
--
-- States: `pending` (a request is asking the database for it), `locked`, `booked`, `blocked` (what the database said
-- at that version), `free` (a tombstone: it holds the slot for nobody and only remembers the version, so that news
-- of an older version that arrives late is recognised as old). No mark at all is a free slot of version 0.
--
-- A value that is no mark (written by hand, by another program) counts as a mark of version 0 that somebody unknown
-- has: it costs one look at the database, and the next news of the slot overwrites it.
--
-- The version stays a string beside its number: Lua prints numbers of this size as 1.7637e+15.
local function read_mark(text)
  if not text then
    return { ver = 0, ver_text = '0', state = 'free', lock = '' }
  end
  local ver_text, state, lock = string.match(text, '^(%d+):(%l+):([%w_-]*)$')
  if not ver_text then
    return { ver = 0, ver_text = '0', state = 'foreign', lock = '' }
  end
  return { ver = tonumber(ver_text), ver_text = ver_text, state = state, lock = lock }
end
