import { Avatar, Menu, Text, UnstyledButton } from '@mantine/core'

import { credentials, useLogin } from '../auth/credentials'
import classes from './AccountMenu.module.css'
import { ChevronDownIcon, LogOutIcon } from './icons'

export function AccountMenu() {
  const login = useLogin()
  if (!login) return null
  const { user, organisation } = login

  return (
    <Menu position="bottom-end" width={240} shadow="md">
      <Menu.Target>
        <UnstyledButton className={classes.button} aria-label={`Account of ${user.name}`}>
          <Text span size="sm" fw={500} truncate maw={220} visibleFrom="xs">
            {organisation.name}
          </Text>
          <Avatar name={user.name} color="harbour" size={34} />
          <ChevronDownIcon size={14} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--mantine-color-text)">
            {user.name}
          </Text>
          <Text size="xs" truncate>
            {user.email}
          </Text>
          <Text size="xs" mt={4} hiddenFrom="xs">
            {organisation.name}
          </Text>
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item
          leftSection={<LogOutIcon size={16} />}
          onClick={() => credentials.drop('logged-out')}
        >
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
