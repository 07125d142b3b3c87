import '@fontsource-variable/inter/wght.css'
import '@mantine/core/styles.css'
import './global.css'

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

import { App } from './App'
import { loadConfig } from './config'
import { CannotStart } from './layout/CannotStart'
import { createAppRouter } from './router'

const root = createRoot(document.getElementById('root')!)

try {
  const config = await loadConfig()
  root.render(
    <StrictMode>
      <App config={config} router={createAppRouter()} />
    </StrictMode>,
  )
} catch (error) {
  console.error(error)
  root.render(<CannotStart />)
}
