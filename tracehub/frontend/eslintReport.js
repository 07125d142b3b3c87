import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { ESLint } from 'eslint'

/** What people read; the same goes as JSON into the file that `ESLINT_JSON` names, for `cargo xtask ci`. */
export default async function report(results, context) {
  const eslint = new ESLint()
  const format = async (name) => (await eslint.loadFormatter(name)).format(results, context)
  if (process.env.ESLINT_JSON) writeFileSync(process.env.ESLINT_JSON, await format('json'))
  return format('stylish')
}
