import type { Scenario } from '../harness/scenario.js'
import { avalanche } from './avalanche.js'
import { clinicDay } from './clinic-day.js'
import { drill } from './drill.js'
import { expiryLag } from './expiry-lag.js'
import { failover } from './failover.js'
import { fanOut } from './fan-out.js'
import { growth } from './growth.js'
import { holdRace } from './hold-race.js'
import { hoverStorm } from './hover-storm.js'
import { httpLocks } from './http-locks.js'
import { idleMemory } from './idle-memory.js'
import { myServer } from './my-server.js'
import { overlap } from './overlap.js'
import { resync } from './resync.js'
import { soak } from './soak.js'
import { start } from './start.js'
import { wsLock } from './ws-lock.js'

export const scenarios: readonly Scenario[] = [
  holdRace,
  overlap,
  wsLock,
  httpLocks,
  fanOut,
  hoverStorm,
  expiryLag,
  clinicDay,
  drill,
  failover,
  resync,
  avalanche,
  growth,
  idleMemory,
  start,
  soak,
  myServer
]
