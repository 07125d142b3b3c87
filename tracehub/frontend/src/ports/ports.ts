import { nameOfCountry } from '../partners/countries'

/** A sea port. */
export type Port = {
  /** Its UN/LOCODE, whose first two letters are its country; of a few only the country is known. */
  code: string
  /** What it is called, and what else. */
  names: string[]
}

/** As many as one looks through. */
const MOST = 8

/**
 * All of them: UN/LOCODEs and names of npm's `sea-ports` 0.0.9 (MIT), each port once; other names of ports in Europe and West
 * Africa, and two that it lacks, Kribi and Lekki. Fetched when somebody is about to name one.
 */
export async function loadPorts(): Promise<Port[]> {
  const { default: text } = await import('./ports.csv?raw')
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [code = '', names = ''] = line.split(',')
      return { code, names: names.split('|') }
    })
}

/** Those that somebody may mean: by the beginning of a name, of a word in it, or of the code. */
export function portsLike(typed: string, ports: Port[]): Port[] {
  const wanted = folded(typed)
  if (wanted.length < 2) return []
  const rank = ({ code, names }: Port) => {
    const all = names.map(folded)
    if (code.length > 2 && folded(code).startsWith(wanted)) return 0
    if (all.some((name) => name.startsWith(wanted))) return 1
    return all.some((name) => name.split(/[ ()/-]/).some((word) => word.startsWith(wanted))) ? 2 : 3
  }
  const found = ports.map((port) => ({ port, rank: rank(port) })).filter((it) => it.rank < 3)
  found.sort((one, other) => one.rank - other.rank)
  return found.slice(0, MOST).map((it) => it.port)
}

/** What is written for one: its name, with its code where another one is called so too. The same in every language. */
export function writtenFor(port: Port, ports: Port[]): string {
  const [name = ''] = port.names
  const isOnly = ports.every((it) => it === port || it.names[0] !== name)
  return isOnly ? name : `${name} (${port.code})`
}

/** The country's name, in the language of the page. */
export function countryOf({ code }: Port): string {
  return nameOfCountry(code.slice(0, 2))
}

/** Without what differs between hands: accents, case, spaces around it. */
function folded(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').trim().toLowerCase()
}
