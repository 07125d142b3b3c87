import { useLingui } from '@lingui/react/macro'
import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'

import { items, useItems } from '../api/parts'
import type { Item, NewItem } from '../api/types'
import { Parts } from '../parts/Parts'
import { formatWeight, type FieldOf } from '../parts/values'

export function Items({ shipmentId, mayWrite }: { shipmentId: string; mayWrite: boolean }) {
  const { t } = useLingui()
  const { data, error, refetch } = useQuery(items(shipmentId))
  const fields: FieldOf<NewItem>[] = [
    {
      name: 'goods',
      label: t`Goods`,
      description: t`As they stand on the invoice`,
      required: true,
      wide: true,
    },
    {
      name: 'hs_code',
      label: t`HS code`,
      description: t`Six to eight digits`,
      placeholder: '180100',
    },
    { name: 'package_kind', label: t`Kind of packages`, placeholder: t`Bags` },
    { name: 'packages', label: t`How many packages`, kind: 'count' },
    { name: 'net_grams', label: t`Net weight in kg`, kind: 'kilograms' },
    { name: 'gross_grams', label: t`Gross weight in kg`, kind: 'kilograms' },
  ]
  return (
    <Parts
      id="items"
      title={t`Goods`}
      nothing={t`None yet: add what stands on the packing list.`}
      addLabel={t`Add goods`}
      fields={fields}
      parts={data?.items}
      error={error}
      onRetry={() => void refetch({ cancelRefetch: false })}
      mayWrite={mayWrite}
      nameOf={({ goods }) => goods}
      show={(item) => <Shown item={item} />}
      {...useItems(shipmentId)}
    />
  )
}

function Shown({ item }: { item: Item }) {
  const { t, i18n } = useLingui()
  const { goods, hs_code, packages, package_kind, net_grams, gross_grams } = item
  const count = packages && new Intl.NumberFormat(i18n.locale).format(packages)
  const details = [
    hs_code && t`HS ${hs_code}`,
    count && [count, package_kind ?? t`packages`].join(' '),
    net_grams && t`${formatWeight(net_grams)} net`,
    gross_grams && t`${formatWeight(gross_grams)} gross`,
  ]
  return (
    <>
      <Text fw={600}>{goods}</Text>
      <Text size="sm" c="dimmed">
        {details.filter(Boolean).join(' · ')}
      </Text>
    </>
  )
}
