/** For those who run the service inside a program of their own; everybody else uses the command line. */
export { type App, createApp, type Surroundings, systemClock } from './app.js'
export { type Config, ConfigError, readConfig } from './config.js'
