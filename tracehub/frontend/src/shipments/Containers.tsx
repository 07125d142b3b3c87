import { useLingui } from '@lingui/react/macro'
import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'

import { containers, useContainers } from '../api/parts'
import type { Container, NewContainer } from '../api/types'
import { Parts } from '../parts/Parts'
import { formatWeight, type FieldOf } from '../parts/values'
import { containerKinds, labelOfContainerKind } from './containerKinds'

export function Containers({ shipmentId, mayWrite }: { shipmentId: string; mayWrite: boolean }) {
  const { t } = useLingui()
  const { data, error, refetch } = useQuery(containers(shipmentId))
  const fields: FieldOf<NewContainer>[] = [
    { name: 'number', label: t`Container number`, placeholder: 'CSQU3054383', required: true },
    {
      name: 'kind',
      label: t`Type`,
      kind: 'choice',
      choices: [{ value: '', label: t`Not known yet` }, ...containerKinds()],
    },
    { name: 'seal', label: t`Seal`, placeholder: 'EU-4711' },
    { name: 'gross_grams', label: t`Weight with the goods, in kg`, kind: 'kilograms' },
  ]
  return (
    <Parts
      id="containers"
      title={t`Containers`}
      nothing={t`None yet: add one once the carrier has named it.`}
      addLabel={t`Add a container`}
      fields={fields}
      parts={data?.items}
      error={error}
      onRetry={() => void refetch({ cancelRefetch: false })}
      mayWrite={mayWrite}
      nameOf={({ number }) => number}
      show={(container) => <Shown container={container} />}
      {...useContainers(shipmentId)}
    />
  )
}

function Shown({ container: { number, kind, seal, gross_grams } }: { container: Container }) {
  const { t } = useLingui()
  const details = [
    kind && labelOfContainerKind(kind),
    seal && t`Seal ${seal}`,
    gross_grams && formatWeight(gross_grams),
  ]
  return (
    <>
      <Text fw={600}>{number}</Text>
      <Text size="sm" c="dimmed">
        {details.filter(Boolean).join(' · ')}
      </Text>
    </>
  )
}
