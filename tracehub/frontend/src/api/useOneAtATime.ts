import { useRef } from 'react'

/**
 * Starts nothing while what was started last is not done. The second click of a double click comes before a button can
 * be drawn as busy.
 */
export function useOneAtATime() {
  const isRunning = useRef(false)
  return (start: (done: () => void) => void) => {
    if (isRunning.current) return
    isRunning.current = true
    start(() => {
      isRunning.current = false
    })
  }
}
