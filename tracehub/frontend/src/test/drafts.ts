/** What was typed and is kept until it is sent, by the keys of the storage. */
export const keptDrafts = () =>
  Object.keys(localStorage).filter((key) => key.startsWith('tracehub.draft.'))
