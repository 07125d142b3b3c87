import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Group, NativeSelect, Paper, SimpleGrid, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useId, useState } from 'react'

import { useShipmentsAsCsv } from '../api/shipments'
import { ProblemAlert } from '../layout/ProblemAlert'
import { STAGES } from './stages'
import { isNarrowed, wantedOf, type Wanted } from './wanted'
import { labelOf } from './words'

type Props = { wanted: Wanted; onChange: (next: Wanted) => void }

const DAYS = ['departs_from', 'departs_until', 'arrives_from', 'arrives_until'] as const

/** What narrows the list and sorts it, and the way to take it along. */
export function Filters({ wanted, onChange }: Props) {
  const { t } = useLingui()
  const isFiltered = isNarrowed({ ...wanted, search: undefined })
  const isChanged = isFiltered || wanted.sort !== undefined
  const [isOpen, setIsOpen] = useState(isChanged)
  const csv = useShipmentsAsCsv()
  const panel = useId()
  const labels = {
    departs_from: t`Departs from`,
    departs_until: t`Departs until`,
    arrives_from: t`Arrives from`,
    arrives_until: t`Arrives until`,
  }

  function set(name: keyof Wanted, value: string) {
    onChange(wantedOf({ ...wanted, [name]: value }))
  }
  const setPort = (value: string) => set('port', value)

  return (
    <>
      <Group gap="xs" mb="md">
        <Button
          size="sm"
          variant={isFiltered ? 'light' : 'default'}
          aria-expanded={isOpen}
          aria-controls={panel}
          onClick={() => setIsOpen(!isOpen)}
        >
          <Trans>Filter and sort</Trans>
        </Button>
        {isChanged && (
          <Button
            size="sm"
            variant="default"
            onClick={() => onChange(wanted.search ? { search: wanted.search } : {})}
          >
            <Trans>Show all of them</Trans>
          </Button>
        )}
        <Button
          size="sm"
          variant="default"
          loading={csv.isPending}
          onClick={() => csv.mutate(wanted)}
        >
          <Trans>Download as CSV</Trans>
        </Button>
      </Group>
      {csv.error && <ProblemAlert error={csv.error} />}
      {isOpen && (
        <Paper id={panel} p="md" mb="md">
          <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
            <NativeSelect
              label={t`Stage`}
              data={[
                { value: '', label: t`All of them` },
                ...STAGES.map(({ stage }) => ({ value: stage, label: labelOf(stage) })),
              ]}
              value={wanted.stage ?? ''}
              onChange={(event) => set('stage', event.currentTarget.value)}
            />
            <Port value={wanted.port ?? ''} onChange={setPort} />
            <NativeSelect
              label={t`First`}
              data={[
                { value: '', label: t`What was created last` },
                { value: 'departure', label: t`What departs last` },
                { value: 'arrival', label: t`What arrives last` },
              ]}
              value={wanted.sort ?? ''}
              onChange={(event) => set('sort', event.currentTarget.value)}
            />
            {DAYS.map((day) => (
              <TextInput
                key={day}
                type="date"
                label={labels[day]}
                min="2000-01-01"
                max="2099-12-31"
                value={wanted[day] ?? ''}
                onChange={(event) => set(day, event.currentTarget.value)}
              />
            ))}
          </SimpleGrid>
        </Paper>
      )}
    </>
  )
}

/** Asks when the typing pauses, not at each letter. */
function Port({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useLingui()
  const [typed, setTyped] = useState(value)
  const askSoon = useDebouncedCallback((text: string) => onChange(text.trim()), 500)
  return (
    <TextInput
      label={t`Port`}
      placeholder={t`Lekki`}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value)
        askSoon(event.currentTarget.value)
      }}
    />
  )
}
