import { Group } from '@mantine/core'
import type { ReactNode } from 'react'

import { LanguageButton } from '../language/LanguageButton'
import { Brand } from '../layout/Brand'
import { EnvironmentBadge } from '../layout/EnvironmentBadge'
import { PageTitle } from '../layout/PageTitle'
import { ReleaseNote } from '../layout/ReleaseNote'
import { Harbour } from './Harbour'
import classes from './LoginPage.module.css'

/** What is shown to who has not logged in. */
export function FrontDoor({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className={classes.page}>
      <PageTitle>{title}</PageTitle>
      <Harbour />
      <main className={classes.panel} tabIndex={-1}>
        <div className={classes.form}>
          <Group justify="space-between" mb={36}>
            <Brand size="xl" />
            <EnvironmentBadge />
            <LanguageButton className={classes.language} />
          </Group>
          {children}
        </div>
        <ReleaseNote />
      </main>
    </div>
  )
}
