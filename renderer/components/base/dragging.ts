/**
 * What an element needs to be dragged onto others of its `kind` (a media type of ours): `dropped` is told the key of what
 * was let go on this one. Everything that can be dragged has another way for the keyboard.
 */
export const draggable = (kind: string, key: string, dropped: (key: string) => void): Record<string, unknown> => ({
  draggable: true,
  onDragstart: (event: DragEvent) => event.dataTransfer?.setData(kind, key),
  onDragover: (event: DragEvent) => {
    if (event.dataTransfer?.types.includes(kind)) event.preventDefault();
  },
  onDrop: (event: DragEvent) => {
    const from = event.dataTransfer?.getData(kind);
    if (!from) return;
    event.preventDefault();
    if (from !== key) dropped(from);
  },
});
