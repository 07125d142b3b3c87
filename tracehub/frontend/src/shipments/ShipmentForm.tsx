import { Button, Group, Paper, SimpleGrid, Stack, TextInput, Title } from '@mantine/core'
import { isNotEmpty, useForm } from '@mantine/form'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'

import type { NewShipment } from '../api/types'
import { ProblemAlert } from '../layout/ProblemAlert'
import { FIELDS, fieldErrors, NOTHING_TYPED, toRequest, type Draft, type Field } from './draft'
import classes from './ShipmentForm.module.css'

type Props = {
  busy: boolean
  error: Error | null
  onSubmit: (shipment: NewShipment, onError: (error: Error) => void) => void
}

/** Asks only that the fields with a star are filled; what is right in them is for the API to say. */
export function ShipmentForm({ busy, error, onSubmit }: Props) {
  const form = useForm<Draft>({
    initialValues: NOTHING_TYPED,
    validate: {
      reference: isNotEmpty('Give the shipment a reference'),
      product: isNotEmpty('Say what is shipped'),
      origin_port: isNotEmpty('Say where it departs'),
      destination_port: isNotEmpty('Say where it goes'),
    },
  })

  const submit = form.onSubmit((draft) => onSubmit(toRequest(draft), showRefusal), focusFirst)

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
