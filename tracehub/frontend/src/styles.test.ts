import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

const folder = import.meta.dirname
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file) && !/\.test\.|^test/.test(file))
  .map((file) => readFileSync(join(folder, file), 'utf8'))

const styles = readdirSync(join(folder, '../node_modules/@mantine/core/styles'))
const imported = [
  ...readFileSync(join(folder, 'styles.ts'), 'utf8').matchAll(/styles\/(\w+)\.layer\.css/g),
].map(([, name]) => name!)

/** What is drawn inside of others, without being named here. */
const INSIDE: Record<string, string[]> = {
  Button: ['UnstyledButton', 'Loader'],
  Checkbox: ['InlineInput'],
  CloseButton: ['UnstyledButton'],
  PasswordInput: ['ActionIcon', 'Input', 'UnstyledButton'],
  TextInput: ['Input'],
}

test("each of Mantine's components that is used has its styles", () => {
  const used = sources.flatMap((source) =>
    [...source.matchAll(/import \{([^}]*)\} from '@mantine\/core'/g)].flatMap(([, names]) =>
      names!.split(',').map((name) => name.trim()),
    ),
  )
  const needed = used.flatMap((name) => [name, ...(INSIDE[name] ?? [])])
  const withStyles = new Set(needed.filter((name) => styles.includes(`${name}.css`)))
  expect([...withStyles].filter((name) => !imported.includes(name))).toEqual([])
  expect(imported.filter((name) => /^[A-Z]/.test(name) && !withStyles.has(name))).toEqual([])
})
