import { useLingui } from '@lingui/react'
import { UnstyledButton, type UnstyledButtonProps } from '@mantine/core'
import { useState, type ComponentProps } from 'react'

import { LanguageIcon } from '../layout/icons'
import { LANGUAGES, type Language } from './choice'
import { switchTo } from './speak'

type Props = UnstyledButtonProps & Pick<ComponentProps<'button'>, 'onKeyDown' | 'onBlur'>

/** Offers the other language by its own name, which whoever needs it can read. */
export function LanguageButton(props: Props) {
  const { i18n } = useLingui()
  const [isUnderWay, setIsUnderWay] = useState(false)
  const other: Language = i18n.locale === 'fr' ? 'en' : 'fr'

  function choose() {
    setIsUnderWay(true)
    switchTo(other)
      // Without a connection nothing comes, and the page stays as it is.
      .catch((error: unknown) => console.error(error))
      .finally(() => setIsUnderWay(false))
  }

  return (
    <UnstyledButton lang={other} aria-busy={isUnderWay} onClick={choose} {...props}>
      <LanguageIcon size={16} />
      {LANGUAGES[other]}
    </UnstyledButton>
  )
}
