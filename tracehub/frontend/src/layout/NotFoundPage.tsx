import { Trans, useLingui } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'

import { Frame } from './Frame'
import { Notice } from './Notice'
import { PageTitle } from './PageTitle'

export function NotFoundPage() {
  const { t } = useLingui()
  return (
    <Frame>
      <PageTitle>{t`Page not found`}</PageTitle>
      <Notice
        title={t`There is no such page`}
        action={
          <Button component={Link} to="/shipments">
            <Trans>Go to your shipments</Trans>
          </Button>
        }
      >
        <Trans>The address may be mistyped, or what it led to is gone.</Trans>
      </Notice>
    </Frame>
  )
}
