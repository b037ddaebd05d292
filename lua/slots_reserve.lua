-- Marks every slot of a request as being taken by one lock, for a short while, or says which are marked by others.
-- All or nothing: where one is taken, none is marked.
--
-- A slot is the caller's to mark when it is free or carries the caller's own lock, or the one that gives way to it.
-- What is settled under either of these stays as it is: it keeps others out for longer than a reservation would,
-- and should the database refuse the request, the old lock still has its mark.
--
-- Safe to send twice: the second call finds its own marks and renews them.
--
-- Returns one of
--   { 'RESERVED' }              every slot is marked, by this lock or the one it replaces
--   { 'TAKEN', position, … }    the positions, from 1, of the slots that others have; nothing was marked
--   { 'STALE' }                 the calendar was never filled, or Redis lost it: its silence means nothing
--   { 'LATE' }                  executed after the deadline; nothing was marked
local generation_key = KEYS[1]             -- string: `R:<nonce>` once the calendar is filled
local slot_keys      = { unpack(KEYS, 2) } -- strings: the marks, see lib/mark
local lock           = ARGV[1]             -- string: the lock that asks
local replaces       = ARGV[2]             -- string: the lock that gives way to it, or nothing
local pending_ms     = tonumber(ARGV[3])   -- integer: how long the reservation lives unless the slot is settled
local deadline_ms    = tonumber(ARGV[4])   -- integer: by Redis' own clock

--- @include "lib/now_ms"
--- @include "lib/mark"

if now_ms() > deadline_ms then
  return { 'LATE' }
end

local generation = redis.call('GET', generation_key)
if not generation or string.sub(generation, 1, 2) ~= 'R:' then
  return { 'STALE' }
end

local taken = { 'TAKEN' }
local open = {}
for position, text in ipairs(redis.call('MGET', unpack(slot_keys))) do
  local mark = read_mark(text)
  local mine = mark.lock ~= '' and (mark.lock == lock or mark.lock == replaces)
  if mark.state == 'free' or (mark.state == 'pending' and mine) then
    open[slot_keys[position]] = mark.ver_text .. ':pending:' .. lock
  elseif not mine then
    taken[#taken + 1] = position
  end
end
if #taken > 1 then
  return taken
end

for slot_key, mark in pairs(open) do
  redis.call('SET', slot_key, mark, 'PX', pending_ms)
end
return { 'RESERVED' }
