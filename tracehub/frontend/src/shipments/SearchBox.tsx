import { useLingui } from '@lingui/react/macro'
import { CloseButton, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useState } from 'react'

import { SearchIcon } from '../layout/icons'

type Props = { value: string; onChange: (value: string) => void }

/** Asks when the typing pauses, not at each letter. */
export function SearchBox({ value, onChange }: Props) {
  const { t } = useLingui()
  const [typed, setTyped] = useState(value)
  const askSoon = useDebouncedCallback((text: string) => onChange(text.trim()), 250)

  function type(text: string) {
    setTyped(text)
    askSoon(text)
  }

  return (
    <TextInput
      type="search"
      role="searchbox"
      aria-label={t`Search shipments`}
      placeholder={t`Reference, goods, container, port, partner`}
      leftSection={<SearchIcon />}
      rightSection={
        typed && <CloseButton aria-label={t`Clear the search`} onClick={() => type('')} />
      }
      size="md"
      mb="md"
      value={typed}
      onChange={(event) => type(event.currentTarget.value)}
    />
  )
}
