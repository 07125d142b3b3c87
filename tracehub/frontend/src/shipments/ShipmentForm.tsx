import { useLingui } from '@lingui/react/macro'
import {
  Button,
  Group,
  NativeSelect,
  Paper,
  SimpleGrid,
  Stack,
  TextInput,
  Title,
} from '@mantine/core'
import { isNotEmpty, useForm } from '@mantine/form'
import type { ReactNode } from 'react'

import { DraftNotice } from '../drafts/DraftNotice'
import type { useDraft } from '../drafts/useDraft'
import { ProblemAlert } from '../layout/ProblemAlert'
import { PortInput } from '../ports/PortInput'
import { FIELDS, fieldErrors, type Field, type Values } from './fields'
import classes from './ShipmentForm.module.css'
import { incotermChoices, labelOfField } from './words'

type Props = {
  /** What the form is when nothing is typed. */
  empty: Values
  busy: boolean
  error: Error | null
  draft: ReturnType<typeof useDraft<Values>>
  submitLabel: string
  /** The way out for who gives up. */
  cancel: ReactNode
  /** What stands above the fields, and may set them. */
  above?: (form: FormHandle) => ReactNode
  onSubmit: (values: Values, form: FormHandle) => void
}

/** What whoever sends the form may do with it. */
export type FormHandle = {
  setValues: (values: Partial<Values>) => void
  showRefusal: (error: Error) => void
}

/** Asks only that the fields with a star are filled; what is right in them is for the API to say. */
export function ShipmentForm(props: Props) {
  const { t } = useLingui()
  const { empty, busy, error, draft, submitLabel, cancel, above, onSubmit } = props
  const form = useForm<Values>({
    initialValues: draft.found?.values ?? empty,
    onValuesChange: draft.keep,
    validate: {
      reference: isNotEmpty(t`Give the shipment a reference`),
      product: isNotEmpty(t`Say what is shipped`),
      origin_port: isNotEmpty(t`Say where it departs`),
      destination_port: isNotEmpty(t`Say where it goes`),
    },
  })

  const handle: FormHandle = { setValues: form.setValues, showRefusal }
  const submit = form.onSubmit((values) => onSubmit(values, handle), focusFirst)

  function startAfresh() {
    form.setValues(empty)
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
        {above?.(handle)}
        <Section title={t`Goods`}>
          <TextInput
            label={labelOfField('reference')}
            description={t`Your own name for it, once only`}
            placeholder="EXP-2026-014"
            required
            {...input('reference')}
          />
          <TextInput
            label={labelOfField('container_number')}
            description={t`Four letters, seven digits; the door shows it`}
            placeholder="CSQU3054383"
            autoCapitalize="characters"
            {...input('container_number')}
          />
          <TextInput
            label={labelOfField('product')}
            description={t`As it stands on the invoice`}
            placeholder={t`Cashew kernels, W320`}
            className={classes.wide}
            required
            {...input('product')}
          />
        </Section>
        <Section title={t`Journey`}>
          <PortInput
            label={labelOfField('origin_port')}
            placeholder={t`Lagos`}
            required
            {...input('origin_port')}
          />
          <PortInput
            label={labelOfField('destination_port')}
            placeholder={t`Hamburg`}
            required
            {...input('destination_port')}
          />
          <TextInput label={labelOfField('departs_on')} type="date" {...input('departs_on')} />
          <TextInput label={labelOfField('arrives_on')} type="date" {...input('arrives_on')} />
          <TextInput label={labelOfField('vessel')} placeholder="MSC Ada" {...input('vessel')} />
          <TextInput label={labelOfField('voyage')} placeholder="FA612R" {...input('voyage')} />
        </Section>
        <Section title={t`Sale and papers`}>
          <TextInput label={labelOfField('buyer')} className={classes.wide} {...input('buyer')} />
          <NativeSelect
            label={labelOfField('incoterm')}
            description={t`Of 2020`}
            data={[{ value: '', label: t`Not agreed yet` }, ...incotermChoices()]}
            className={classes.wide}
            {...input('incoterm')}
          />
          <TextInput
            label={labelOfField('booking')}
            description={t`The carrier gives it`}
            {...input('booking')}
          />
          <TextInput
            label={labelOfField('bill_of_lading')}
            description={t`Its number, once it is issued`}
            {...input('bill_of_lading')}
          />
        </Section>
        <Group justify="flex-end">
          {cancel}
          <Button type="submit" loading={busy}>
            {submitLabel}
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
