import { useState } from 'react'

import { useLogin } from '../auth/credentials'
import { draftOf } from './drafts'

/** The draft that who is logged in has of a form, and what was in it when the form was opened. */
export function useDraft<Values extends Record<string, string>>(form: string, empty: Values) {
  const user = useLogin()?.user.id ?? ''
  // Whose form it is does not change under it: when somebody else logs in, it is another form.
  const [draft] = useState(() => draftOf(user, form, empty))
  const [found, setFound] = useState(draft.read)

  return {
    ...draft,
    found,
    /** Says no longer that something was found, and throws it away. */
    startAfresh: () => {
      draft.discard()
      setFound(null)
    },
  }
}
