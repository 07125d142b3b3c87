import { Trans } from '@lingui/react/macro'
import { Container, Group, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'

import { AccountMenu } from './AccountMenu'
import { Brand } from './Brand'
import { EnvironmentBadge } from './EnvironmentBadge'
import classes from './Frame.module.css'
import { ReleaseNote } from './ReleaseNote'

/** Header, content and footer; the account is there for who is logged in. */
export function Frame({ children }: { children: ReactNode }) {
  return (
    <div className={classes.frame}>
      <a href="#content" className={classes.skip}>
        <Trans>Skip to content</Trans>
      </a>
      <header className={classes.header}>
        <Container size="lg" h="100%">
          <Group h="100%" justify="space-between" wrap="nowrap" gap="xs">
            <Group gap="sm" wrap="nowrap" miw={0}>
              <Link to="/shipments" className={classes.home} activeOptions={{ exact: true }}>
                <Brand />
              </Link>
              <EnvironmentBadge />
            </Group>
            <AccountMenu />
          </Group>
        </Container>
      </header>
      <Container component="main" id="content" tabIndex={-1} size="lg" className={classes.main}>
        {children}
      </Container>
      <Container component="footer" size="lg" w="100%" py="lg">
        <Group justify="space-between" gap="xs">
          <Text size="xs" c="dimmed">
            <Trans>TraceHub: your export shipments, from quay to quay</Trans>
          </Text>
          <ReleaseNote />
        </Group>
      </Container>
    </div>
  )
}
