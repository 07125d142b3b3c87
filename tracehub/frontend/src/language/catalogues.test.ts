import { getCatalogs } from '@lingui/cli/api'
import { getConfig } from '@lingui/conf'
import { beforeAll, expect, test } from 'vitest'

const MEND = 'Mend it with: npm run translations, and translate what src/locales/fr.po lacks.'

let said: string[]
let english: Record<string, string>
let french: Record<string, string>

beforeAll(async () => {
  const [catalogue] = await getCatalogs(getConfig())
  const ofLanguage = async (language: string) =>
    Object.fromEntries(
      Object.values((await catalogue?.read(language)) ?? {}).map((it) => [
        it.message!,
        it.obsolete ? '' : it.translation,
      ]),
    )
  said = Object.values((await catalogue!.collect()) ?? {}).map(({ message }) => message!)
  english = await ofLanguage('en')
  french = await ofLanguage('fr')
})

test('the catalogues hold what the page says, and nothing else', () => {
  expect(said.length).toBeGreaterThan(200)
  expect(Object.keys(english).sort(), MEND).toEqual(said.sort())
  expect(Object.keys(french).sort(), MEND).toEqual(said)
})

test('everything is said in French', () => {
  expect(Object.keys(french).filter((sentence) => !french[sentence], MEND)).toEqual([])
})

test('a translation has the places of its sentence, and each of them once', () => {
  const places = (sentence: string) => sentence.match(/<\/?\d+\/?>|\{\w+[,}]/g)?.sort()
  for (const [sentence, translation] of Object.entries(french)) {
    expect(places(translation), translation).toEqual(places(sentence))
  }
})

test('a line of French does not break before its punctuation', () => {
  const breaking = Object.values(french).filter((it) =>
    /(^|[^\u00a0]) ?[:;?!»](\s|$)|«[^\u00a0]/.test(it),
  )
  expect(breaking).toEqual([])
})
