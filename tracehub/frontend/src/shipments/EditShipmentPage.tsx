import { Trans, useLingui } from '@lingui/react/macro'
import { Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'

import { ApiError } from '../api/problem'
import { shipment, useChangeShipment } from '../api/shipments'
import type { Shipment } from '../api/types'
import { useOneAtATime } from '../api/useOneAtATime'
import { useDraft } from '../drafts/useDraft'
import { ButtonLink } from '../layout/links'
import { PageTitle } from '../layout/PageTitle'
import { BackToShipment } from './BackToList'
import { Conflict, type Meanwhile } from './Conflict'
import { ShipmentForm, type FormHandle } from './ShipmentForm'
import { toChange, valuesOf, type Values } from './fields'
import { hasChange, merge, type Difference } from './merge'
import { Missing, Outline } from './ShipmentPage'

export function EditShipmentPage() {
  const { t } = useLingui()
  const { id } = useParams({ from: '/logged-in/shipments/$id/edit' })
  // What the form is filled from does not change under who types.
  const { data, error, refetch } = useQuery({ ...shipment(id), refetchOnWindowFocus: false })
  return (
    <Stack maw={760} mx="auto" gap="lg">
      <PageTitle>{data ? t`Edit ${data.reference}` : t`Edit shipment`}</PageTitle>
      {data ? (
        <Edit key={id} opened={data} />
      ) : error ? (
        <Missing error={error} onRetry={() => void refetch({ cancelRefetch: false })} />
      ) : (
        <Outline />
      )}
    </Stack>
  )
}

/** Changes of others in other fields may come as fast as these are sent; but not for ever. */
const TIMES = 3

function Edit({ opened }: { opened: Shipment }) {
  const { t } = useLingui()
  const navigate = useNavigate()
  // What the form was filled from; after a conflict, what is there now.
  const [base, setBase] = useState(opened)
  const { draft, meanwhile, setMeanwhile } = useDraftOnTopOf(opened)
  const change = useChangeShipment(draft.discard)
  const atMostOnce = useOneAtATime()
  const { id, reference } = base

  const leave = () => navigate({ to: '/shipments/$id', params: { id } })

  function save(values: Values, form: FormHandle) {
    if (!hasChange(base, values)) return void leave()
    atMostOnce((done) => send(base, values, form, done, TIMES))
  }

  function send(
    on: Shipment,
    values: Values,
    form: FormHandle,
    done: () => void,
    timesLeft: number,
  ) {
    change.mutate(
      { id, version: on.version ?? 0, body: toChange(valuesOf(on), values) },
      {
        onSuccess: () => void leave(),
        onError: (error) => {
          const current = currentOf(error)
          if (!current) {
            done()
            return form.showRefusal(error)
          }
          const merged = merge(valuesOf(on), values, current)
          setBase(current)
          form.setValues(merged.values)
          // What was to be saved is there already: the first answer was lost.
          if (!hasChange(current, merged.values)) return void leave()
          // It stands at another stage, say: that is in nobody's way.
          if (merged.differences.length === 0 && timesLeft > 1) {
            return send(current, merged.values, form, done, timesLeft - 1)
          }
          done()
          setMeanwhile({ version: current.version ?? 0, differences: merged.differences })
        },
      },
    )
  }

  function take({ field, theirs }: Difference, form: FormHandle) {
    form.setValues({ [field]: theirs })
    setMeanwhile(
      (it) => it && { ...it, differences: it.differences.filter((of) => of.field !== field) },
    )
  }

  const isConflict = change.error !== null && currentOf(change.error) !== null
  return (
    <>
      <div>
        <BackToShipment id={id} reference={reference} />
        <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
          <Trans>Edit {reference}</Trans>
        </Title>
      </div>
      <ShipmentForm
        empty={valuesOf(base)}
        busy={change.isPending || change.isSuccess}
        error={isConflict ? null : change.error}
        draft={draft}
        submitLabel={t`Save changes`}
        cancel={
          <ButtonLink to="/shipments/$id" params={{ id }} variant="default">
            <Trans>Cancel</Trans>
          </ButtonLink>
        }
        above={(form) =>
          meanwhile && (
            <Conflict meanwhile={meanwhile} onTake={(difference) => take(difference, form)} />
          )
        }
        onSubmit={save}
      />
    </>
  )
}

/**
 * The draft of a change. What was typed on top of an earlier version, before a log-in expired say, is on top of this one
 * now; and what somebody else has changed meanwhile is told as when it is found on saving.
 */
function useDraftOnTopOf(opened: Shipment) {
  const draft = useDraft(`edit-${opened.id}`, valuesOf(opened))
  const [merged] = useState(() => {
    if (!draft.found) return null
    const merged = merge(draft.found.base, draft.found.values, opened)
    if (hasChange(opened, merged.values)) return merged
    draft.discard()
    return null
  })
  const differences = merged?.differences ?? []
  const [meanwhile, setMeanwhile] = useState<Meanwhile | null>(
    differences.length > 0 ? { version: opened.version ?? 0, differences } : null,
  )
  return {
    draft: {
      ...draft,
      found: draft.found && merged && { ...draft.found, values: merged.values },
      startAfresh: () => {
        draft.startAfresh()
        setMeanwhile(null)
      },
    },
    meanwhile,
    setMeanwhile,
  }
}

/** The shipment as it is now, when it is not the one any more that was to be changed. */
function currentOf(error: Error): Shipment | null {
  if (!(error instanceof ApiError) || error.problem.status !== 412) return null
  return (error.problem as { current?: Shipment }).current ?? null
}
