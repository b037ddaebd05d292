import { pick, pickSome } from '../../load-tests/harness/random.js'
import { pause } from '../../load-tests/harness/time.js'
import type { Random } from '../../src/domain/clock.js'
import type { Faults, TcpProxy } from '../helpers/tcp-proxy.js'
import type { Instance } from './instances.js'
import type { World } from './world.js'

/**
 * What is done to the stores, to the links and to the instances. Each does its harm, waits and takes it back, also
 * when it fails half-way. `name` begins with what it is done to; `mariadb` is what the checker reads off it.
 */
export interface Nemesis {
  name: string
  /** Done to one instance alone. */
  aimed: boolean
  strike(world: World, victim: Instance, chance: Chance): Promise<void>
}

/** What a strike may choose. */
export interface Chance {
  random: Random
  /** Between the two, all alike; shorter in brisk runs. */
  lasting(fromMs: number, toMs: number): Promise<void>
  /** Slots that somebody is likely to want now. */
  wanted(): readonly string[]
  calendar: string
}

/** Longer than a lock lives without being extended. */
const longFreezeMs = [3_200, 4_200] as const

export const redisNemeses: Nemesis[] = [
  store('redis killed, back at once and empty', async ({ redis }) => redis.restart()),
  store('redis killed, back later and empty', async ({ redis }, chance) => {
    await redis.kill()
    await chance.lasting(300, 2_500)
    await redis.restart()
  }),
  store('redis frozen', async ({ redis }, chance) => {
    redis.freeze()
    try {
      await chance.lasting(60, 2_500)
    } finally {
      redis.thaw()
    }
  }),
  store('redis flushed', async ({ redisClient }) => void (await redisClient.flushall())),
  store('redis scripts flushed', async ({ redisClient }) => void (await redisClient.script('FLUSH'))),
  store('redis subscribers killed', async ({ redisClient }) => {
    await redisClient.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  }),
  store('redis clients killed', async ({ redisClient }) => {
    await redisClient.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  }),
  store('redis keys deleted by hand', async ({ redisClient }, { random, wanted, calendar }) => {
    const slots = pickSome(random, wanted(), 6)
    const keys = slots.map(slot => markKey(calendar, slot))
    if (random() < 0.3) keys.push(`slotlock:{${calendar}}:gen`)
    await redisClient.del(...keys)
  }),
  store('redis keys forged by hand', async ({ redisClient }, { random, wanted, calendar }) => {
    const forged = [
      `${Date.now() * 1000}:locked:AAAAAAAAAAAAAAAAAAAAAA`,
      `${Date.now() * 1000}:free:`,
      `${(Date.now() + 60_000) * 1000}:booked:BBBBBBBBBBBBBBBBBBBBBB`,
      '1:free:',
      'no mark at all'
    ]
    for (const slot of pickSome(random, wanted(), 6))
      await redisClient.set(markKey(calendar, slot), pick(random, forged), 'PX', 30_000)
  }),
  store('redis memory full', async ({ redisClient }, chance) => {
    await redisClient.config('SET', 'maxmemory', '1')
    try {
      await chance.lasting(300, 1_500)
    } finally {
      await redisClient.config('SET', 'maxmemory', '0')
    }
  }),
  link('redis link cut', 'toRedis', { refuse: true }, [200, 1_500]),
  link('redis link swallows everything', 'toRedis', { faults: { blackhole: true } }, [300, 2_500]),
  link('redis link swallows answers', 'toRedis', { faults: { dropDownstream: true } }, [200, 1_500]),
  link('redis link slow', 'toRedis', { delayMs: [5, 60] }, [500, 2_000])
]

export const otherNemeses: Nemesis[] = [
  store('mariadb frozen', async ({ mariadb }, chance) => {
    mariadb.freeze()
    try {
      await chance.lasting(300, 3_000)
    } finally {
      mariadb.thaw()
    }
  }),
  store('mariadb killed and restarted', async ({ mariadb }) => mariadb.restart()),
  link('mariadb link cut', 'toMariadb', { refuse: true }, [200, 1_200]),
  link('mariadb link swallows everything', 'toMariadb', { faults: { blackhole: true } }, [300, 2_000]),
  link('mariadb link swallows answers', 'toMariadb', { faults: { dropDownstream: true } }, [200, 1_200]),
  link('mariadb link slow', 'toMariadb', { delayMs: [5, 60] }, [500, 2_000]),
  aimed('instance frozen', async (instance, chance) => freeze(instance, chance.lasting(200, 2_000))),
  aimed('instance frozen for longer than a lock lives', async (instance, { random }) => {
    const [least, most] = longFreezeMs
    await freeze(instance, pause(least + random() * (most - least)))
  }),
  aimed('instance killed and restarted', async (instance, chance) => {
    await instance.kill()
    await chance.lasting(0, 1_000)
    await instance.start()
  }),
  aimed('instance stopped and restarted', async instance => {
    await instance.stop()
    await instance.start()
  })
]

function store(name: string, strike: (world: World, chance: Chance) => Promise<void>): Nemesis {
  return { name, aimed: false, strike: (world, _, chance) => strike(world, chance) }
}

function aimed(name: string, strike: (instance: Instance, chance: Chance) => Promise<void>): Nemesis {
  return { name, aimed: true, strike: (_, victim, chance) => strike(victim, chance) }
}

/** What is done to one instance's way to one store. Its connections do not outlive the fault: they are cut with its end. */
function link(
  name: string,
  to: 'toRedis' | 'toMariadb',
  harm: { refuse?: true; faults?: Partial<Faults>; delayMs?: readonly [number, number] },
  [least, most]: readonly [number, number]
): Nemesis {
  return aimed(name, async (instance, chance) => {
    const proxy: TcpProxy = instance[to]
    if (harm.refuse) {
      proxy.refuse(true)
      proxy.cut()
    }
    const [shortest, longest] = harm.delayMs ?? [0, 0]
    const delayMs = shortest + Math.floor(chance.random() * (longest - shortest))
    const faults = { ...harm.faults, delayMs }
    proxy.fault(faults)
    try {
      await chance.lasting(least, most)
    } finally {
      proxy.refuse(false)
      proxy.fault({ blackhole: false, dropDownstream: false, delayMs: 0 })
      // half of a swallowed stream cannot be continued; a slow one can
      if (harm.delayMs === undefined) proxy.cut()
    }
  })
}

async function freeze(instance: Instance, over: Promise<void>): Promise<void> {
  instance.freeze()
  try {
    await over
  } finally {
    instance.thaw()
  }
}

/** Where Redis keeps what it believes of a slot; lua/README.md says what is in it. */
export const markKey = (calendar: string, slot: string): string => `slotlock:{${calendar}}:lock:${slot}`
