import type { Customer } from './picker-types.js'
import type { TextName } from './texts/en.js'

/** The fields of the form, and what is wrong with what was typed into them. Pure. */

export const fieldNames = ['name', 'email', 'phone', 'note'] as const
export type FieldName = (typeof fieldNames)[number]
export type Values = Readonly<Record<FieldName, string>>
export const noValues: Values = { name: '', email: '', phone: '', note: '' }

/** Bounds of the contract; the inputs do not take more. */
export const lengthMax: Readonly<Record<FieldName, number>> = {
  name: 200,
  email: 254,
  phone: 32,
  note: 2_000
}

export interface Field {
  readonly name: FieldName
  readonly required: boolean
}

/** `email* phone`: those fields beside the name, a star for what must be given. */
export function fieldsOf(attribute: string): Field[] {
  const words = attribute.split(/[\s,]+/)
  return fieldNames.flatMap((name): Field[] => {
    if (name === 'name') return [{ name, required: true }]
    if (words.includes(`${name}*`)) return [{ name, required: true }]
    return words.includes(name) ? [{ name, required: false }] : []
  })
}

const missing: Readonly<Record<FieldName, TextName>> = {
  name: 'nameMissing',
  email: 'emailMissing',
  phone: 'phoneMissing',
  note: 'noteMissing'
}

/** In the order of the fields; empty: it can be sent. */
export function problemsOf(values: Values, fields: readonly Field[]): Map<FieldName, TextName> {
  const problems = new Map<FieldName, TextName>()
  for (const { name, required } of fields) {
    const value = values[name].trim()
    if (required && value === '') problems.set(name, missing[name])
    // No more than that: whether an address exists is found out by writing to it.
    else if (name === 'email' && value !== '' && !/^[^\s@]+@[^\s@]+$/.test(value))
      problems.set(name, 'emailWrong')
  }
  return problems
}

/** Without what was left empty, and without fields that are not shown. */
export function customerOf(values: Values, fields: readonly Field[]): Customer {
  const given = fields.map(({ name }) => [name, values[name].trim()]).filter(([, value]) => value !== '')
  return Object.fromEntries(given) as Customer
}
