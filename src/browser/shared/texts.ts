/** Texts with `{names}` in them, and the choice of a language. */

export type TextTable = Readonly<Record<string, string>>

/** What is not given stays in its braces, so that it is seen. */
export function fill(text: string, values: Readonly<Record<string, string>> = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

/** The page's language in the visitor's own region, `en-GB` on a page in `en`; then what the visitor reads otherwise. */
export function wantedLocales(
  own: string | null,
  ofPage: string | null | undefined,
  ofVisitor: readonly string[]
): string[] {
  const regional = ofVisitor.filter(locale => ofPage && locale.startsWith(`${ofPage}-`))
  return [own, ...regional, ofPage, ...ofVisitor].filter((locale): locale is string => Boolean(locale))
}

/** The first of the wanted locales whose language there is a table for: `de-AT` finds `de`. */
export function languageOf<Language extends string>(
  wanted: readonly string[],
  languages: readonly Language[],
  fallback: Language
): { language: Language; locale: string } {
  for (const locale of wanted) {
    const language = languages.find(language => language === locale.toLowerCase().split('-', 1)[0])
    if (language !== undefined && isLocale(locale)) return { language, locale }
  }
  return { language: fallback, locale: fallback }
}

function isLocale(text: string): boolean {
  try {
    return Intl.getCanonicalLocales(text).length === 1
  } catch {
    return false
  }
}

const rightToLeft = ['ar', 'fa', 'he', 'ur']

export const directionOf = (locale: string): 'ltr' | 'rtl' =>
  rightToLeft.includes(locale.toLowerCase().split('-', 1)[0]!) ? 'rtl' : 'ltr'
