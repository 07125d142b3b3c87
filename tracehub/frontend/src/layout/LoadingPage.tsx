import { useLingui } from '@lingui/react/macro'
import { Skeleton } from '@mantine/core'

import { Loading } from './Loading'

/** While the script of a page is on its way. */
export function LoadingPage() {
  const { t } = useLingui()
  return (
    <Loading label={t`Loading the page`}>
      <Skeleton height={34} width={260} />
      <Skeleton height={220} radius="lg" />
    </Loading>
  )
}
