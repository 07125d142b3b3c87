import classes from './Initials.module.css'

/** Somebody, as two letters; decoration only, since the name stands beside it. */
export function Initials({ name }: { name: string }) {
  return (
    <span className={classes.initials} aria-hidden>
      {initialsOf(name)}
    </span>
  )
}

/** 'AO' of Ada Obi; letters, not halves of letters. */
function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/)
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words
  return ends
    .map((word) => Array.from(word ?? '')[0] ?? '')
    .join('')
    .toUpperCase()
}
