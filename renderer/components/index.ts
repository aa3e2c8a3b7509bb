/** Room `components`: what views are made of. */
export { button, fact, icon, progressBar, stateDot } from './base/controls.tsx';
export { detailView } from './base/detail.tsx';
export { dialog } from './base/dialog.tsx';
export { Copyable, emptyList } from './base/empty.tsx';
export { checkField, searchField, selectField, textField } from './base/fields.tsx';
export { fileButton, folderButton } from './base/file-button.tsx';
export { type MenuItem, moreMenu } from './base/menu.tsx';
export { prose } from './base/prose.tsx';
export { Split } from './base/split.tsx';
export { tabs } from './base/tabs.tsx';
export { age } from './domain/age.tsx';
export { DocumentTree } from './domain/document-tree.tsx';
export type { ListColumn } from './domain/list-state.ts';
export { ObjectList } from './domain/object-list.tsx';
export { engineAway } from './domain/start-engine.tsx';
