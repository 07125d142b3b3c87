import { i18n } from '@lingui/core'

const DAY: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', year: 'numeric' }
const MOMENT: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'short' }

const LONG_DAY: Intl.DateTimeFormatOptions = {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
}
const TIME: Intl.DateTimeFormatOptions = { timeStyle: 'short' }

const MILLISECONDS_A_DAY = 24 * 60 * 60 * 1000

/** '2026-03-09' or a full timestamp, as people write it; a dash where nothing is known. */
export function formatDay(iso: string | null | undefined): string {
  return iso ? inLanguage(DAY).format(atMidnight(iso)) : '–'
}

/** A timestamp as people write it, by this place's clock. */
export function formatMoment(iso: string): string {
  return inLanguage(MOMENT).format(new Date(iso))
}

/** The day of a timestamp by this place's clock, with its weekday. */
export function formatLongDay(iso: string): string {
  return inLanguage(LONG_DAY).format(new Date(iso))
}

/** The time of day of a timestamp, by this place's clock. */
export function formatTime(iso: string): string {
  return inLanguage(TIME).format(new Date(iso))
}

/** How many midnights of this place's have passed since a timestamp. */
export function daysSince(iso: string): number {
  const midnight = new Date(iso).setHours(0, 0, 0, 0)
  return Math.round((new Date().setHours(0, 0, 0, 0) - midnight) / MILLISECONDS_A_DAY)
}

export function daysBetween(from: string, to: string): number {
  return Math.round((atMidnight(to).getTime() - atMidnight(from).getTime()) / MILLISECONDS_A_DAY)
}

/** A day has no time zone: read it as this place's midnight, or it may show as the day before. */
function atMidnight(iso: string) {
  return new Date(iso.length === 10 ? `${iso}T00:00:00` : iso)
}

/** As the language writes it, with days before months. Kept, since to make one takes longer than to use it. */
function inLanguage(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const place = i18n.locale === 'fr' ? 'fr-FR' : 'en-GB'
  const known = formats.get(options) ?? {}
  formats.set(options, known)
  return (known[place] ??= new Intl.DateTimeFormat(place, options))
}

const formats = new Map<object, Record<string, Intl.DateTimeFormat>>()
