import { Trans } from '@lingui/react/macro'
import { Text, UnstyledButton, VisuallyHidden } from '@mantine/core'
import { useClickOutside } from '@mantine/hooks'
import { Link } from '@tanstack/react-router'
import { useId, useState, type FocusEvent, type KeyboardEvent } from 'react'

import { logOut } from '../api/login'
import { useLogin } from '../auth/credentials'
import { LanguageButton } from '../language/LanguageButton'
import classes from './AccountMenu.module.css'
import {
  ActivityIcon,
  ChevronDownIcon,
  HandshakeIcon,
  LogOutIcon,
  PeopleIcon,
  PersonIcon,
} from './icons'
import { Initials } from './Initials'

/** Who is logged in, and the way out: a button that shows and hides what stands below it. */
export function AccountMenu() {
  const login = useLogin()
  const [isOpen, setIsOpen] = useState(false)
  const frame = useClickOutside<HTMLDivElement>(() => setIsOpen(false))
  const button = useId()
  const panel = useId()
  if (!login) return <LanguageButton className={classes.button} />
  const { user, organisation } = login
  const { name } = user

  function closeByKey(event: KeyboardEvent) {
    if (event.key !== 'Escape' || !isOpen) return
    setIsOpen(false)
    document.getElementById(button)?.focus()
  }

  function closeWhenLeft({ relatedTarget }: FocusEvent) {
    if (relatedTarget && !frame.current?.contains(relatedTarget)) setIsOpen(false)
  }

  const leaving = { onKeyDown: closeByKey, onBlur: closeWhenLeft }

  return (
    <div ref={frame} className={classes.frame}>
      <UnstyledButton
        id={button}
        className={classes.button}
        aria-expanded={isOpen}
        aria-controls={panel}
        onClick={() => setIsOpen(!isOpen)}
        {...leaving}
      >
        <VisuallyHidden>
          <Trans>Account of {name}</Trans>,{' '}
        </VisuallyHidden>
        <Text span size="sm" fw={500} truncate maw={220} visibleFrom="xs">
          {organisation.name}
        </Text>
        <Initials name={name} />
        <ChevronDownIcon size={14} />
      </UnstyledButton>
      <div id={panel} className={classes.panel} hidden={!isOpen}>
        <div className={classes.who}>
          <Text size="sm" fw={600}>
            {name}
          </Text>
          <Text size="xs" c="dimmed">
            {user.email}
          </Text>
          <Text size="xs" c="dimmed" mt={4}>
            {organisation.name}
          </Text>
        </div>
        <Link to="/account" className={classes.item} onClick={() => setIsOpen(false)} {...leaving}>
          <PersonIcon size={16} />
          <Trans>Your account</Trans>
        </Link>
        <Link to="/activity" className={classes.item} onClick={() => setIsOpen(false)} {...leaving}>
          <ActivityIcon size={16} />
          <Trans>Activity</Trans>
        </Link>
        <Link to="/partners" className={classes.item} onClick={() => setIsOpen(false)} {...leaving}>
          <HandshakeIcon size={16} />
          <Trans>Partners</Trans>
        </Link>
        <Link to="/people" className={classes.item} onClick={() => setIsOpen(false)} {...leaving}>
          <PeopleIcon size={16} />
          <Trans>People</Trans>
        </Link>
        <LanguageButton className={classes.item} {...leaving} />
        <UnstyledButton className={classes.item} onClick={logOut} {...leaving}>
          <LogOutIcon size={16} />
          <Trans>Log out</Trans>
        </UnstyledButton>
      </div>
    </div>
  )
}
