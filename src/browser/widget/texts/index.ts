import { languageOf } from '../../shared/texts.js'
import { ar } from './ar.js'
import { de } from './de.js'
import { en, type Texts } from './en.js'
import { es } from './es.js'
import { fr } from './fr.js'

const tables = { en, de, fr, es, ar } as const

/** The texts of the first wanted locale that there are some for, with what the host says otherwise. */
export function textsFor(
  wanted: readonly string[],
  own: Readonly<Record<string, string>> = {}
): { locale: string; texts: Texts } {
  const languages = Object.keys(tables) as (keyof typeof tables)[]
  const { language, locale } = languageOf(wanted, languages, 'en')
  return { locale, texts: { ...tables[language], ...own } as Texts }
}
