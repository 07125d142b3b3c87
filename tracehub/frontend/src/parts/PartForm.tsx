import { useLingui, Trans } from '@lingui/react/macro'
import { Button, Group, NativeSelect, SimpleGrid, Stack, Textarea, TextInput } from '@mantine/core'
import { useEffect, useRef, useState, type FormEvent } from 'react'

import { ApiError, explain, fieldErrors } from '../api/problem'
import { ProblemAlert } from '../layout/ProblemAlert'
import { toBody, type Field, type Typed } from './values'

type Props<Body> = {
  /** What the form is called, for who does not see it. */
  name: string
  fields: Field[]
  initial: Typed
  submitLabel: string
  busy: boolean
  error: Error | null
  onSubmit: (body: Body) => void
  onCancel: () => void
}

/** A small form in the middle of a page. What is right in its fields is for the API to say, but for what is no number. */
export function PartForm<Body>(props: Props<Body>) {
  const { name, fields, initial, submitLabel, busy, error, onSubmit, onCancel } = props
  const { t } = useLingui()
  const [values, setValues] = useState(initial)
  const [noNumbers, setNoNumbers] = useState<string[]>([])
  const form = useRef<HTMLFormElement>(null)
  const refused = refusedFields(fields, error)

  useEffect(() => form.current?.querySelector('input')?.focus(), [])
  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [error])

  function submit(event: FormEvent) {
    event.preventDefault()
    const { body, wrong } = toBody(fields, values)
    setNoNumbers(wrong)
    if (wrong.length === 0) onSubmit(body as Body)
  }

  const inputs = fields.map((field) => ({
    label: field.label,
    description: field.description,
    placeholder: field.placeholder,
    required: field.required,
    value: values[field.name] ?? '',
    error: noNumbers.includes(field.name) ? t`Must be a number` : refused[field.name],
    style: field.wide ? { gridColumn: '1 / -1' } : undefined,
    onChange: (event: { currentTarget: { value: string } }) => {
      const { value } = event.currentTarget
      setValues((before) => ({ ...before, [field.name]: value }))
    },
  }))

  return (
    <form ref={form} onSubmit={submit} aria-label={name} noValidate>
      <Stack gap="md">
        {error && Object.keys(refused).length === 0 && <ProblemAlert error={error} />}
        <SimpleGrid cols={{ base: 1, sm: 2 }} style={{ alignItems: 'end' }}>
          {fields.map(({ name: key, kind, choices }, place) => {
            const input = inputs[place]
            if (kind === 'choice') return <NativeSelect key={key} data={choices} {...input} />
            if (kind === 'lines') return <Textarea key={key} rows={3} {...input} />
            const isNumber = kind === 'kilograms' || kind === 'count'
            return <TextInput key={key} inputMode={isNumber ? 'decimal' : undefined} {...input} />
          })}
        </SimpleGrid>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onCancel}>
            <Trans>Cancel</Trans>
          </Button>
          <Button type="submit" loading={busy}>
            {submitLabel}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** What the API has against single fields; what is there already, is so by the first one. */
function refusedFields(fields: Field[], error: Error | null): Typed {
  if (error instanceof ApiError && error.problem.status === 409 && fields[0]) {
    return { [fields[0].name]: explain(error).title }
  }
  const known = Object.entries(fieldErrors(error)).map(([name, words]) => [
    name.replace(/\[\d+\]$/, ''),
    words ?? '',
  ])
  const shown = known.filter(([name]) => fields.some((field) => field.name === name))
  return Object.fromEntries(shown) as Typed
}
