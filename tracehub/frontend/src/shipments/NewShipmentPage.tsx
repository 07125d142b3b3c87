import { Trans, useLingui } from '@lingui/react/macro'
import { Stack, Text, Title } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'

import { useCreateShipment } from '../api/shipments'
import { useOneAtATime } from '../api/useOneAtATime'
import { useDraft } from '../drafts/useDraft'
import { ButtonLink } from '../layout/links'
import { PageTitle } from '../layout/PageTitle'
import { BackToList } from './BackToList'
import { ShipmentForm, type FormHandle } from './ShipmentForm'
import { NOTHING_TYPED, toRequest, type Values } from './fields'

export function NewShipmentPage() {
  const { t } = useLingui()
  const navigate = useNavigate()
  const draft = useDraft('new-shipment', NOTHING_TYPED)
  const create = useCreateShipment(draft.discard)
  const atMostOnce = useOneAtATime()

  function send(values: Values, form: FormHandle) {
    const body = toRequest(values)
    const key = draft.sendingKey(values, JSON.stringify(body))
    atMostOnce((done) =>
      create.mutate(
        { body, key },
        {
          onSuccess: ({ id }) => void navigate({ to: '/shipments/$id', params: { id } }),
          onError: (error) => {
            done()
            form.showRefusal(error)
          },
        },
      ),
    )
  }

  return (
    <Stack maw={760} mx="auto" gap="lg">
      <PageTitle>{t`New shipment`}</PageTitle>
      <div>
        <BackToList />
        <Title order={1} size="h2">
          <Trans>New shipment</Trans>
        </Title>
        <Text c="dimmed">
          <Trans>Start with what you know. The rest can follow.</Trans>
        </Text>
      </div>
      <ShipmentForm
        // It stays busy until the shipment's own page is there.
        busy={create.isPending || create.isSuccess}
        error={create.error}
        draft={draft}
        empty={NOTHING_TYPED}
        submitLabel={t`Create shipment`}
        cancel={
          <ButtonLink to="/shipments" activeOptions={{ exact: true }} variant="default">
            <Trans>Cancel</Trans>
          </ButtonLink>
        }
        onSubmit={send}
      />
    </Stack>
  )
}
