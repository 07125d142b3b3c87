// The built page, sent as the edge and the page's own web server send it: compressed, with an API that answers at once.

import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { URL } from 'node:url'
import { gzipSync } from 'node:zlib'

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

const STAGES = ['draft', 'docs_pending', 'in_transit', 'customs', 'delivered']
const SHIPMENTS = Array.from({ length: 25 }, (_, number) => ({
  id: `6f1c2a52-0b1e-4b55-9a70-0d8a4b8f${1000 + number}`,
  reference: `EXP-2026-${100 + number}`,
  product: 'Cashew kernels, W320',
  status: 'in_transit',
  stage: STAGES[number % STAGES.length],
  container_number: 'CSQU3054383',
  origin_port: 'Lagos',
  destination_port: 'Hamburg',
  departs_on: '2026-03-01',
  arrives_on: '2026-03-29',
  created_at: '2026-02-01T09:00:00Z',
}))

const ANSWERS = {
  '/config.json': { environment: 'production', release: '20260103t120000z-1a2b3c4d5e6f' },
  '/api/shipments': { items: SHIPMENTS, next: null },
}

/** Serves the folder on a port that is free; resolves to the address and how to end it. */
export function serve(folder) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://page')
    const answer = ANSWERS[pathname]
    if (answer) return answerWith(answer, response)

    const file = join(folder, normalize(pathname))
    const found = existsSync(file) && extname(file) ? file : join(folder, 'index.html')
    response.setHeader('Content-Type', TYPES[extname(found)] ?? 'application/octet-stream')
    const isHashed = pathname.startsWith('/assets/')
    response.setHeader(
      'Cache-Control',
      isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    )
    if (existsSync(`${found}.br`)) {
      response.setHeader('Content-Encoding', 'br')
      return response.end(readFileSync(`${found}.br`))
    }
    response.end(readFileSync(found))
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ address: `http://127.0.0.1:${server.address().port}`, close: () => server.close() })
    })
  })
}

function answerWith(body, response) {
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('Content-Encoding', 'gzip')
  response.end(gzipSync(JSON.stringify(body)))
}
