/** Room `components`: what views are made of. */
export { button, fact, icon, progressBar, stateDot } from './base/controls.tsx';
export { type Column, DataTable } from './base/data-table.tsx';
export { dialog } from './base/dialog.tsx';
export { Copyable, emptyList, engineAway } from './base/empty.tsx';
export { checkField, searchField, selectField, textField } from './base/fields.tsx';
export { type MenuItem, moreMenu } from './base/menu.tsx';
export { Split } from './base/split.tsx';
export { tabs } from './base/tabs.tsx';
export { DocumentTree } from './domain/document-tree.tsx';
