import { Container, Group, Text } from '@mantine/core'
import { Link, Outlet } from '@tanstack/react-router'

import { AccountMenu } from './AccountMenu'
import { Brand } from './Brand'
import { EnvironmentBadge } from './EnvironmentBadge'
import { ReleaseNote } from './ReleaseNote'
import classes from './Shell.module.css'

/** The frame around every page of somebody who is logged in. */
export function Shell() {
  return (
    <div className={classes.shell}>
      <a href="#content" className={classes.skip}>
        Skip to content
      </a>
      <header className={classes.header}>
        <Container size="lg" h="100%">
          <Group h="100%" justify="space-between" wrap="nowrap">
            <Group gap="sm" wrap="nowrap">
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
        <Outlet />
      </Container>
      <Container component="footer" size="lg" w="100%" py="lg">
        <Group justify="space-between" gap="xs">
          <Text size="xs" c="dimmed">
            TraceHub: your export shipments, from quay to quay
          </Text>
          <ReleaseNote />
        </Group>
      </Container>
    </div>
  )
}
