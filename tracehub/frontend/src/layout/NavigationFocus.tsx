import { useLingui } from '@lingui/react/macro'
import { VisuallyHidden } from '@mantine/core'
import { useRouter } from '@tanstack/react-router'
import { useEffect, useState } from 'react'

import { currentTitle } from './PageTitle'

/**
 * What a browser does when it loads a page, and an app that draws its pages itself has to do: keyboards start at the
 * new page's content, and screen readers say where one is.
 */
export function NavigationFocus() {
  const { t } = useLingui()
  const router = useRouter()
  const [arrival, setArrival] = useState('')

  useEffect(() => {
    let isUnderWay = false
    const announce = () => {
      if (isUnderWay) setArrival(currentTitle())
    }
    // The title of a page that loads its content is whole only later.
    const titles = new MutationObserver(announce)
    titles.observe(document.head, { childList: true, characterData: true, subtree: true })

    const stop = router.subscribe('onRendered', ({ fromLocation, pathChanged }) => {
      if (!fromLocation || !pathChanged) return
      document.querySelector('main')?.focus({ preventScroll: true })
      isUnderWay = true
      announce()
    })
    return () => {
      titles.disconnect()
      stop()
    }
  }, [router])

  return (
    <VisuallyHidden role="status" aria-label={t`Page`}>
      {arrival}
    </VisuallyHidden>
  )
}
