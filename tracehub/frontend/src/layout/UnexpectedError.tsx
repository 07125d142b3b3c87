import { Trans, useLingui } from '@lingui/react/macro'
import { Button } from '@mantine/core'

import { NoAnswer } from '../api/fetchInTime'
import { Notice } from './Notice'

/** A mistake of ours while drawing a page, or a script of it that did not come. */
export function UnexpectedError({ error }: { error: unknown }) {
  const { t } = useLingui()
  return (
    <Notice
      title={t`This page could not be shown`}
      action={
        <Button onClick={() => window.location.reload()}>
          <Trans>Try again</Trans>
        </Button>
      }
    >
      {didNotCome(error)
        ? t`A part of it did not come. Please check your connection and try again.`
        : t`That is our mistake, not yours. Nothing that you saved is lost.`}
    </Notice>
  )
}

/** Each browser has its own words for a script that it could not fetch, but all say 'import' or 'module'. */
export function didNotCome(error: unknown): boolean {
  return (
    error instanceof NoAnswer ||
    (error instanceof TypeError && /import|module/i.test(error.message))
  )
}
