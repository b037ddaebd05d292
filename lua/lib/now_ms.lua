-- The time that every deadline is measured by: Redis' own clock. A caller estimates it, and a script that sat in a
-- frozen server's socket finds out here that its caller has long given up.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
