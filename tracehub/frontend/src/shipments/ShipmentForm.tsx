import { Button, Group, Paper, SimpleGrid, Stack, TextInput, Title } from '@mantine/core'
import { isNotEmpty, useForm } from '@mantine/form'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'

import type { NewShipment } from '../api/types'
import { DraftNotice } from '../drafts/DraftNotice'
import type { useDraft } from '../drafts/useDraft'
import { ProblemAlert } from '../layout/ProblemAlert'
import { FIELDS, fieldErrors, NOTHING_TYPED, toRequest, type Field, type Values } from './fields'
import classes from './ShipmentForm.module.css'

type Props = {
  busy: boolean
  error: Error | null
  onSubmit: (sending: Sending, onError: (error: Error) => void) => void
  draft: ReturnType<typeof useDraft<Values>>
}

/** A shipment, and the key under which it is the same request however often it is sent. */
type Sending = { body: NewShipment; key: string }

/** Asks only that the fields with a star are filled; what is right in them is for the API to say. */
export function ShipmentForm({ busy, error, onSubmit, draft }: Props) {
  const form = useForm<Values>({
    initialValues: draft.found?.values ?? NOTHING_TYPED,
    onValuesChange: draft.keep,
    validate: {
      reference: isNotEmpty('Give the shipment a reference'),
      product: isNotEmpty('Say what is shipped'),
      origin_port: isNotEmpty('Say where it departs'),
      destination_port: isNotEmpty('Say where it goes'),
    },
  })

  const submit = form.onSubmit((values) => {
    const body = toRequest(values)
    onSubmit({ body, key: draft.sendingKey(values, JSON.stringify(body)) }, showRefusal)
  }, focusFirst)

  function startAfresh() {
    form.setValues(NOTHING_TYPED)
    form.clearErrors()
    draft.startAfresh()
  }

  function showRefusal(error: Error) {
    const errors = fieldErrors(error)
    form.setErrors(errors)
    focusFirst(errors)
  }

  function focusFirst(errors: object) {
    const first = FIELDS.find((field) => field in errors)
    if (first) form.getInputNode(first)?.focus()
  }

  const input = (field: Field) => form.getInputProps(field)
  const belongsToFields = error !== null && Object.keys(fieldErrors(error)).length > 0

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        {draft.found && <DraftNotice typedAt={draft.found.typedAt} onStartAfresh={startAfresh} />}
        {error && !belongsToFields && <ProblemAlert error={error} />}
        <Section title="Goods">
          <TextInput
            label="Reference"
            description="Your own name for it, once only"
            placeholder="EXP-2026-014"
            required
            {...input('reference')}
          />
          <TextInput
            label="Container number"
            description="Four letters, seven digits; the door shows it"
            placeholder="CSQU3054383"
            autoCapitalize="characters"
            {...input('container_number')}
          />
          <TextInput
            label="Product"
            description="As it stands on the invoice"
            placeholder="Cashew kernels, W320"
            className={classes.wide}
            required
            {...input('product')}
          />
        </Section>
        <Section title="Journey">
          <TextInput
            label="Port of origin"
            placeholder="Lagos"
            required
            {...input('origin_port')}
          />
          <TextInput
            label="Port of destination"
            placeholder="Hamburg"
            required
            {...input('destination_port')}
          />
          <TextInput label="Departs on" type="date" {...input('departs_on')} />
          <TextInput label="Arrives on" type="date" {...input('arrives_on')} />
        </Section>
        <Group justify="flex-end">
          <Button
            component={Link}
            to="/shipments"
            activeOptions={{ exact: true }}
            variant="default"
          >
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Create shipment
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper component="fieldset" p="xl" m={0}>
      <Title
        component="legend"
        order={2}
        size="h5"
        style={{ float: 'left', width: '100%' }}
        mb="md"
      >
        {title}
      </Title>
      <SimpleGrid cols={{ base: 1, sm: 2 }} className={classes.fields} verticalSpacing="lg">
        {children}
      </SimpleGrid>
    </Paper>
  )
}
