import { useLingui, Trans } from '@lingui/react/macro'
import { Button, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core'
import type { UseMutationResult } from '@tanstack/react-query'
import { useRef, useState, type ReactNode } from 'react'

import { ApiError } from '../api/problem'
import { useOneAtATime } from '../api/useOneAtATime'
import { randomKey } from '../drafts/drafts'
import { PlusIcon } from '../layout/icons'
import { ProblemAlert } from '../layout/ProblemAlert'
import { PartForm } from './PartForm'
import classes from './Parts.module.css'
import { changed, typedOf, type Field, type Typed } from './values'

type Part = { id: string; version: number }
type Mutation<Asked> = UseMutationResult<unknown, Error, Asked>

type Props<P extends Part, Body> = {
  /** Of the heading, once on a page. */
  id: string
  title: string
  nothing: string
  addLabel: string
  fields: Field[]
  /** What of one that is there can be changed, where that is less. */
  fieldsOfKept?: Field[]
  /** What a new one begins with. */
  initial?: Typed
  parts: P[] | undefined
  error: Error | null
  onRetry: () => void
  mayWrite: boolean
  nameOf: (part: P) => string
  show: (part: P) => ReactNode
  add: Mutation<{ body: Body; key: string }>
  change: Mutation<Part & { body: Partial<Body> }>
  remove: Mutation<Part>
}

/** A list of what belongs to something, which is added to, changed and taken from where it stands. */
export function Parts<P extends Part, Body>(props: Props<P, Body>) {
  const { id, title, nothing, addLabel, fields, parts, error, onRetry, mayWrite, add } = props
  const [isAdding, setIsAdding] = useState(false)
  const sending = useRef({ body: '', key: '' })
  const atMostOnce = useOneAtATime()
  const frame = useRef<HTMLDivElement>(null)

  /** What was pressed goes, and the focus with it. */
  const toFrame = () => frame.current?.focus()
  function close() {
    add.reset()
    sending.current = { body: '', key: '' }
    setIsAdding(false)
    toFrame()
  }

  /** The same as long as the same is sent: an answer may have got lost on its way. */
  function keyFor(body: Body): string {
    const text = JSON.stringify(body)
    if (sending.current.body !== text) sending.current = { body: text, key: randomKey() }
    return sending.current.key
  }

  // A release from before has none of them.
  if (error instanceof ApiError && error.problem.status === 404) return null

  return (
    <Paper component="section" aria-labelledby={id} p="xl">
      <Group justify="space-between" mb="md" gap="xs">
        <Title order={2} size="h5" id={id}>
          {title}
        </Title>
        {mayWrite && parts && !isAdding && (
          <Button
            size="xs"
            variant="default"
            leftSection={<PlusIcon size={14} />}
            onClick={() => setIsAdding(true)}
          >
            {addLabel}
          </Button>
        )}
      </Group>
      <Stack ref={frame} tabIndex={-1} gap="md" className={classes.frame}>
        {parts ? (
          parts.length > 0 ? (
            <ul className={classes.parts} aria-labelledby={id}>
              {parts.map((part) => (
                <Row key={part.id} part={part} onClose={toFrame} {...props} />
              ))}
            </ul>
          ) : (
            !isAdding && (
              <Text size="sm" c="dimmed">
                {nothing}
              </Text>
            )
          )
        ) : error ? (
          <ProblemAlert error={error} onRetry={onRetry} />
        ) : (
          <Skeleton height={48} />
        )}
        {isAdding && (
          <PartForm<Body>
            name={addLabel}
            fields={fields}
            initial={props.initial ?? {}}
            submitLabel={addLabel}
            busy={add.isPending}
            error={add.error}
            onCancel={close}
            onSubmit={(body) =>
              atMostOnce((done) =>
                add.mutate({ body, key: keyFor(body) }, { onSuccess: close, onSettled: done }),
              )
            }
          />
        )}
      </Stack>
    </Paper>
  )
}

type RowProps<P extends Part, Body> = Props<P, Body> & { part: P; onClose: () => void }

function Row<P extends Part, Body>(props: RowProps<P, Body>) {
  const {
    part,
    fields,
    fieldsOfKept = fields,
    mayWrite,
    nameOf,
    show,
    change,
    remove,
    onClose,
  } = props
  const { t } = useLingui()
  const [doing, setDoing] = useState<'edit' | 'remove' | null>(null)
  const [opened, setOpened] = useState(part)
  const atMostOnce = useOneAtATime()
  const name = nameOf(part)
  const { id, version } = part

  function close() {
    change.reset()
    remove.reset()
    setDoing(null)
    onClose()
  }

  function edit() {
    setOpened(part)
    setDoing('edit')
  }

  if (doing === 'edit') {
    return (
      <li>
        <PartForm<Body>
          name={t`Edit ${name}`}
          fields={fieldsOfKept}
          initial={typedOf(fieldsOfKept, opened)}
          submitLabel={t`Save`}
          busy={change.isPending}
          error={change.error}
          onCancel={close}
          onSubmit={(body) =>
            atMostOnce((done) =>
              change.mutate(
                { id, version, body: changed(fieldsOfKept, opened, body) },
                { onSuccess: close, onSettled: done },
              ),
            )
          }
        />
      </li>
    )
  }
  return (
    <li>
      {doing === 'remove' && remove.error && <ProblemAlert error={remove.error} />}
      <Group justify="space-between" gap="xs" align="flex-start">
        <div className={classes.what}>{show(part)}</div>
        {mayWrite && (
          <Group gap="xs">
            {doing === 'remove' ? (
              <>
                <Button size="xs" variant="default" onClick={close}>
                  <Trans>Keep it</Trans>
                </Button>
                <Button
                  size="xs"
                  color="red"
                  loading={remove.isPending}
                  aria-label={t`Remove it: ${name}`}
                  onClick={() =>
                    atMostOnce((done) =>
                      remove.mutate({ id, version }, { onSuccess: close, onSettled: done }),
                    )
                  }
                >
                  <Trans>Remove it</Trans>
                </Button>
              </>
            ) : (
              <>
                <Button size="xs" variant="default" aria-label={t`Edit ${name}`} onClick={edit}>
                  <Trans>Edit</Trans>
                </Button>
                <Button
                  size="xs"
                  variant="subtle"
                  color="red"
                  aria-label={t`Remove ${name}`}
                  onClick={() => setDoing('remove')}
                >
                  <Trans>Remove</Trans>
                </Button>
              </>
            )}
          </Group>
        )}
      </Group>
    </li>
  )
}
