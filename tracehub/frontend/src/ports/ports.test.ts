import { expect, test } from 'vitest'

import { loadPorts, portsLike, writtenFor } from './ports'

const found = async (typed: string) => {
  const ports = await loadPorts()
  return portsLike(typed, ports).map((port) => writtenFor(port, ports))
}

test('a port is found by its name in either language, without its accents, by a word of it, and by its code', async () => {
  expect(await found('abid')).toEqual(['Abidjan'])
  expect(await found('Anvers')).toEqual(['Antwerp'])
  expect(await found('lome')).toContain('Lomé')
  expect(await found('havre')).toContain('Le Havre')
  expect((await found('deham'))[0]).toBe('Hamburg')
  expect(await found('Lekki')).toEqual(['Lekki'])
  expect(await found('kribi')).toEqual(['Kribi'])
  expect(await found('lagos')).toContain('Tincan/Lagos')
})

test('little is offered for little, and never more than one looks through', async () => {
  expect(await found(' a ')).toEqual([])
  expect(await found('zzzz')).toEqual([])
  expect((await found('po')).length).toBeLessThanOrEqual(8)
})

test('what is written for a port is written for no other', async () => {
  const ports = await loadPorts()
  const written = ports.map((port) => writtenFor(port, ports))
  expect(written.filter((it, at) => written.indexOf(it) !== at)).toEqual([])
  expect(written).toContain('Portland (USPWM)')
})

test('each line of the file is a code, or a country, and its names', async () => {
  for (const { code, names } of await loadPorts()) {
    expect(code).toMatch(/^[A-Z]{2}([A-Z2-9]{3})?$/)
    expect(names.every((name) => name.trim() === name && name.length > 1)).toBe(true)
  }
})
