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
import { BackToShipment } from './BackToList'
import { Conflict } from './Conflict'
import { ShipmentForm, type FormHandle } from './ShipmentForm'
import { toChange, valuesOf, type Values } from './fields'
import { merge, type Difference } from './merge'
import { Missing, Outline } from './ShipmentPage'

export function EditShipmentPage() {
  const { id } = useParams({ from: '/logged-in/shipments/$id/edit' })
  // What the form is filled from does not change under who types.
  const { data, error, refetch } = useQuery({ ...shipment(id), refetchOnWindowFocus: false })
  return (
    <Stack maw={760} mx="auto" gap="lg">
      <title>{`Edit ${data?.reference ?? 'shipment'} · TraceHub`}</title>
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

function Edit({ opened }: { opened: Shipment }) {
  const navigate = useNavigate()
  // What the form was filled from; after a conflict, what is there now.
  const [base, setBase] = useState(opened)
  const [differences, setDifferences] = useState<Difference[]>([])
  // What was typed on top of another version is no draft of this one.
  const draft = useDraft(`edit-${opened.id}-${opened.version ?? 0}`, valuesOf(opened))
  const change = useChangeShipment(draft.discard)
  const atMostOnce = useOneAtATime()
  const { id } = base

  const leave = () => navigate({ to: '/shipments/$id', params: { id } })

  function save(values: Values, form: FormHandle) {
    const body = toChange(valuesOf(base), values)
    if (Object.keys(body).length === 0) return void leave()
    atMostOnce((done) =>
      change.mutate(
        { id, version: base.version ?? 0, body },
        {
          onSuccess: () => void leave(),
          onError: (error) => {
            done()
            const current = currentOf(error)
            if (!current) return form.showRefusal(error)
            const merged = merge(valuesOf(base), values, current)
            setBase(current)
            setDifferences(merged.differences)
            form.setValues(merged.values)
            // What was to be saved is there already: the first answer was lost.
            if (Object.keys(toChange(valuesOf(current), merged.values)).length === 0) void leave()
          },
        },
      ),
    )
  }

  function take({ field, theirs }: Difference, form: FormHandle) {
    form.setValues({ [field]: theirs })
    setDifferences(differences.filter((it) => it.field !== field))
  }

  const isConflict = change.error !== null && currentOf(change.error) !== null
  return (
    <>
      <div>
        <BackToShipment id={id} reference={base.reference} />
        <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
          Edit {base.reference}
        </Title>
      </div>
      <ShipmentForm
        empty={valuesOf(opened)}
        busy={change.isPending || change.isSuccess}
        error={isConflict ? null : change.error}
        draft={draft}
        submitLabel="Save changes"
        cancel={
          <ButtonLink to="/shipments/$id" params={{ id }} variant="default">
            Cancel
          </ButtonLink>
        }
        above={(form) =>
          differences.length > 0 && (
            <Conflict differences={differences} onTake={(difference) => take(difference, form)} />
          )
        }
        onSubmit={save}
      />
    </>
  )
}

/** The shipment as it is now, when it is not the one any more that was to be changed. */
function currentOf(error: Error): Shipment | null {
  if (!(error instanceof ApiError) || error.problem.status !== 412) return null
  return (error.problem as { current?: Shipment }).current ?? null
}
