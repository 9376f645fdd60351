// Dates and times as the reader's language writes them: one form of each on the whole page.

/** A time of the server, or what stands for none. */
export const time = (text: string | null): string =>
  text === null ? '–' : new Date(text).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })

/** The time of day now, with seconds: saves follow each other fast. */
export const clock = (): string => new Date().toLocaleTimeString(undefined, { timeStyle: 'medium' })

/** A date as DICOM writes it, `20240131`; what is no date stays as it is. */
export function day(text: string): string {
  const [, year, month, date] = /^(\d{4})(\d\d)(\d\d)$/.exec(text) ?? []
  const found = new Date(Number(year), Number(month) - 1, Number(date))
  // A month 13 would become January of the next year.
  if (!year || found.getMonth() !== Number(month) - 1 || found.getDate() !== Number(date)) return text
  return found.toLocaleDateString(undefined, { dateStyle: 'medium' })
}
