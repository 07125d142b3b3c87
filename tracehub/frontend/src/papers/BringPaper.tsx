import { t } from '@lingui/core/macro'
import { Button, FileButton, Group, NativeSelect, Stack, Text, TextInput } from '@mantine/core'
import { useState, type DragEvent } from 'react'

import type { PaperKind } from '../api/types'
import { kinds } from './kinds'
import classes from './Papers.module.css'
import type { About } from './useUploads'

/** What the server takes; phones offer their camera for the pictures among it. */
export const ACCEPTED = '.pdf,.docx,.xlsx,.odt,.ods,.csv,.json,.geojson,.xml,.txt,image/*'

type Props = { onFile: (file: File, about: About) => void }

/** Says what a paper is, and takes its file: dropped, chosen, or photographed. */
export function BringPaper({ onFile }: Props) {
  const [kind, setKind] = useState<PaperKind | ''>('')
  const [number, setNumber] = useState('')
  const [expiresOn, setExpiresOn] = useState('')
  const [isOver, setIsOver] = useState(false)
  const [isMissing, setIsMissing] = useState(false)

  function take(files: File[]) {
    setIsOver(false)
    if (files.length === 0) return
    if (!kind) {
      setIsMissing(true)
      return
    }
    for (const file of files) onFile(file, { kind, number, expiresOn })
    setNumber('')
    setExpiresOn('')
  }

  function drop(event: DragEvent) {
    event.preventDefault()
    take([...event.dataTransfer.files])
  }

  return (
    <Stack
      className={classes.drop}
      data-over={isOver || undefined}
      onDragOver={(event) => {
        event.preventDefault()
        setIsOver(true)
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
    >
      <Group align="flex-start" grow preventGrowOverflow={false} className={classes.about}>
        <NativeSelect
          label={t`What is it?`}
          data={[{ value: '', label: t`Please choose` }, ...kinds()]}
          value={kind}
          error={isMissing && !kind ? t`Please choose what it is first` : undefined}
          onChange={(event) => setKind(event.currentTarget.value as PaperKind | '')}
        />
        <TextInput
          label={t`Its number, if it has one`}
          maxLength={64}
          value={number}
          onChange={(event) => setNumber(event.currentTarget.value)}
        />
        <TextInput
          label={t`Valid until, if it expires`}
          type="date"
          value={expiresOn}
          onChange={(event) => setExpiresOn(event.currentTarget.value)}
        />
      </Group>
      <Group gap="sm">
        <FileButton multiple accept={ACCEPTED} onChange={take}>
          {(props) => (
            <Button {...props} variant="light">
              {t`Choose a file or take a photo`}
            </Button>
          )}
        </FileButton>
        <Text size="xs" c="dimmed">
          {t`or drop it here; up to 50 MB. On a bad line it goes on where it was cut.`}
        </Text>
      </Group>
    </Stack>
  )
}
