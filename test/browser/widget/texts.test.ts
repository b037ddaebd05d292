import t from 'tap'
import { ar } from '../../../src/browser/widget/texts/ar.js'
import { de } from '../../../src/browser/widget/texts/de.js'
import { en } from '../../../src/browser/widget/texts/en.js'
import { es } from '../../../src/browser/widget/texts/es.js'
import { fr } from '../../../src/browser/widget/texts/fr.js'
import { textsFor } from '../../../src/browser/widget/texts/index.js'

const placesOf = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort()

for (const [language, table] of Object.entries({ de, fr, es, ar })) {
  t.test(`${language} says all that English says, about the same things`, async t => {
    for (const [name, text] of Object.entries(en)) {
      const own = table[name]
      t.ok(own, name)
      // a plural form may say its number in words
      if (name !== 'free_one' || language !== 'ar') t.strictSame(placesOf(own ?? ''), placesOf(text), name)
    }
  })

  t.test(`${language} has a form for each plural of its own`, async t => {
    const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions()
    // "many" of French and Spanish begins at a million
    for (const category of pluralCategories.filter(category => language === 'ar' || category !== 'many'))
      t.ok(table[`free_${category}`], category)
  })
}

t.test('the first wanted locale with texts counts, and English where there is none', async t => {
  t.match(textsFor(['pt-BR', 'de-AT', 'fr']), { locale: 'de-AT', texts: { book: 'Buchen' } })
  t.match(textsFor(['pt-BR']), { locale: 'en', texts: { book: 'Book' } })
  t.match(textsFor(['de_AT', 'es']), { locale: 'es' }, 'what is no locale is passed over')
})

t.test('a host may say anything otherwise', async t => {
  const { texts } = textsFor(['de'], { book: 'Jetzt buchen' })
  t.equal(texts.book, 'Jetzt buchen')
  t.equal(texts.name, 'Name')
})
