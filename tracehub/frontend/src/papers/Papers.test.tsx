import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { beforeEach, expect, test, vi } from 'vitest'

import { fakeApi, json } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { CASHEWS } from '../test/samples'

const PATH = `/api/shipments/${CASHEWS.id}`
const VERSION = {
  version: 2,
  number: 'MSKU 1',
  name: 'corrected.pdf',
  size: 1_234_567,
  content_type: 'application/pdf',
  sha256: 'ab',
  expires_on: null,
  by: 'Ada Obi',
  at: '2026-03-29T09:00:00Z',
}
const PAPER = {
  id: 'p1',
  kind: 'bill_of_lading',
  versions: [VERSION, { ...VERSION, version: 1, name: 'first.pdf' }],
  same_as: { shipment_id: 's2', reference: 'VIBO-2026-003' },
}

type Options = {
  metadata: Record<string, string>
  endpoint: string
  chunkSize: number
  onProgress: (sent: number, whole: number) => void
  onSuccess: () => void
  onError: (error: object) => void
}

/** What the library was asked to bring: its own tests say that it brings it. */
const brought = vi.hoisted(() => [] as { file: File; options: Options; aborted: boolean[] }[])

vi.mock('tus-js-client', () => ({
  Upload: class {
    asked: (typeof brought)[number]
    constructor(file: File, options: Options) {
      this.asked = { file, options, aborted: [] }
      brought.push(this.asked)
    }
    findPreviousUploads = () => Promise.resolve([])
    resumeFromPreviousUpload = () => undefined
    start = () => undefined
    abort = (forGood = false) => {
      this.asked.aborted.push(forGood)
      return Promise.resolve()
    }
  },
}))

beforeEach(() => {
  brought.length = 0
})

const pdf = () => new File(['%PDF-'], 'scan.pdf', { type: 'application/pdf' })

async function section() {
  const title = await screen.findByText('Papers', { selector: 'h2' })
  return within(title.closest('section') ?? title)
}

test('a paper says what it is, what it was, and where else it is', async () => {
  fakeApi({
    [`GET ${PATH}`]: () => json(CASHEWS),
    [`GET ${PATH}/papers`]: () => json({ items: [PAPER] }),
  })
  openAsAda(`/shipments/${CASHEWS.id}`)

  const papers = await section()
  expect(await papers.findByText('Bill of lading MSKU 1')).toBeVisible()
  expect(papers.getByText(/corrected\.pdf · 1\.2 MB · Ada Obi/)).toBeVisible()
  expect(papers.getByRole('link', { name: 'VIBO-2026-003' })).toHaveAttribute(
    'href',
    '/shipments/s2',
  )
  const earlier = within(papers.getByRole('list', { name: 'Earlier versions' }))
  expect(earlier.getByRole('button', { name: 'first.pdf' })).toBeVisible()
})

test('a file is brought as what it is said to be, and shows how far it is', async () => {
  let items: object[] = []
  fakeApi({ [`GET ${PATH}`]: () => json(CASHEWS), [`GET ${PATH}/papers`]: () => json({ items }) })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)
  const papers = await section()

  const drop = papers.getByText(/or drop it here/).closest('[class*="drop"]') ?? document.body
  fireEvent.drop(drop, { dataTransfer: { files: [pdf()] } })
  expect(await papers.findByText('Please choose what it is first')).toBeVisible()
  expect(brought).toHaveLength(0)

  await user.selectOptions(papers.getByLabelText('What is it?'), 'Phytosanitary certificate')
  await user.type(papers.getByLabelText('Its number, if it has one'), 'NG-7')
  fireEvent.drop(drop, { dataTransfer: { files: [pdf()] } })
  await waitFor(() => expect(brought).toHaveLength(1))
  const { options } = brought[0]!
  expect(options.metadata).toEqual({
    kind: 'phytosanitary',
    filename: 'scan.pdf',
    filetype: 'application/pdf',
    number: 'NG-7',
  })
  expect(options.endpoint).toMatch(new RegExp(`${PATH}/papers$`))
  expect(options.chunkSize).toBeLessThanOrEqual(512 * 1024)
  options.onProgress(50, 200)
  await waitFor(() =>
    expect(papers.getByRole('progressbar', { name: 'Arrived of scan.pdf' })).toHaveAttribute(
      'aria-valuenow',
      '25',
    ),
  )
  items = [PAPER]
  options.onSuccess()
  expect(await papers.findByText('Bill of lading MSKU 1')).toBeVisible()
  expect(papers.queryByRole('progressbar')).not.toBeInTheDocument()
})

test('a file that is refused says why, and can be given up', async () => {
  fakeApi({
    [`GET ${PATH}`]: () => json(CASHEWS),
    [`GET ${PATH}/papers`]: () => json({ items: [PAPER] }),
  })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)
  const papers = await section()
  const input = papers
    .getByRole('button', { name: 'New version of corrected.pdf' })
    .parentElement!.querySelector('input[type=file]')!
  await user.upload(input as HTMLInputElement, pdf())
  await waitFor(() => expect(brought).toHaveLength(1))
  const { options, aborted } = brought[0]!
  expect(options.metadata).toMatchObject({ paper: 'p1', kind: 'bill_of_lading' })

  const body = JSON.stringify({
    type: '/problems/other-content',
    status: 415,
    title: '',
    detail: 'no',
  })
  options.onError({ originalResponse: { getBody: () => body } })
  expect(await papers.findByText(/The file is not what it says it is/)).toBeVisible()
  await user.click(papers.getByRole('button', { name: 'Give scan.pdf up' }))
  expect(papers.queryByText(/The file is not what it says it is/)).not.toBeInTheDocument()
  expect(aborted).toContain(true)
})

test('a paper is removed by who says so twice', async () => {
  let items: object[] = [PAPER]
  const asked = fakeApi({
    [`GET ${PATH}`]: () => json(CASHEWS),
    [`GET ${PATH}/papers`]: () => json({ items }),
    'DELETE /api/papers/p1': () => {
      items = []
      return new Response(null, { status: 204 })
    },
  })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)
  const papers = await section()
  await user.click(await papers.findByRole('button', { name: 'Remove corrected.pdf' }))
  expect(asked.some(({ method }) => method === 'DELETE')).toBe(false)
  await user.click(papers.getByRole('button', { name: 'Really remove corrected.pdf' }))
  expect(await papers.findByText(/No papers yet/)).toBeVisible()
})
