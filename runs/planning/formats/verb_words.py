"""The verbs that entries of plans begin with: English, then other languages (infinitives and
imperatives as plans use them). Separated by spaces."""

ENGLISH = """
achieve adapt add address adjust adopt allow analyse analyze annotate append apply archive
assert assign attach audit authenticate automate avoid backfill backport batch benchmark bind
block bootstrap break bring build bulk bump bundle cache calculate call capture catch centralize
change check choose clarify clean cleanup clear clone close codify collapse collect combine
commit compare compile complete compose compute conduct configure confirm connect consider
consolidate containerise containerize convert copy correct cover create cross-check customise
customize cut debug decide decommission decompose decouple deduplicate defer define delegate
delete deliver demo deploy deprecate derive describe design detect determine develop diagnose
disable discuss display distribute document double-check download drop duplicate edit eliminate
emit emulate enable encapsulate encrypt enforce enhance enqueue ensure enumerate escape
establish estimate evaluate examine exclude execute expand export expose extend extract
extrapolate factor fail favor fetch figure file fill filter finalize find finish fix flag
flatten flesh follow force fork formalize format forward freeze gate gather generalize generate
get give grant group guard handle hardcode harden help hide highlight hoist hook hydrate
identify ignore implement import improve include incorporate increase index indicate inform
initialise initialize inject inline insert inspect install instrument integrate introduce
invalidate inventory investigate invoke isolate iterate join keep kill launch lay learn let
leverage limit link lint list load localise localize lock log look lower maintain make manage
map mark match measure memoize merge migrate minimize mirror mock model modernize modify
modularize monitor mount move multiplex name narrow negotiate normalise normalize note notify
obfuscate obtain offer open optimise optimize orchestrate order organize output overhaul
override pack package paginate parallelize parameterize parametrize parse pass patch perform
persist pick pin plan plug polish poll populate port post precompute prefer prefetch prepare
present preserve prevent print prioritize process produce profile promote prompt propagate
propose protect prototype prove provide provision prune publish pull purge push put query queue
raise rate-limit re-enable re-export re-run read rebase rebuild recompute reconcile reconfigure
record redesign redirect reduce refactor refetch refine reflect reframe refresh regenerate
register reinstall reject relax release reload relocate remove rename render reorder reorganize
repair replace replicate report reproduce repurpose require rerun rescope research reserve reset
resize resolve respect respond restart restore restrict restructure retain retarget rethink
rethrow retire retrieve retrofit retry return reuse revamp revert review revise revisit rework
rewrite rip roll rotate route run sandbox sanitize save scaffold scale scan schedule scope scrub
search secure see seed segment select send separate serialize serve set setup shard share shift
ship show shrink shut simplify simulate sketch skip slim smoke snapshot sort specify speed spike
spin split stabilize stage standardize start stop store stream streamline stress strip structure
stub study style submit sunset support suppress surface survey swap switch sync synchronize tag
take teach tear test throttle tidy tighten toggle trace track train transform translate trigger
trim truncate try tune turn tweak type unblock uncomment unify unpin unwrap update upgrade
upload use utilize validate vectorize vendor verify version virtualize wait walk warn watch
weigh whitelist widen wire wrap write zip
"""

OTHERS = """
actualiza actualizar adicionar adicione afficher aggiorna aggiornare aggiungere aggiungi agrega
agregar ajouter ajoutez aktualisiere altere améliorer arreglar atualizar atualize añade añadir
baue behebe benenne bijwerken borrar cambia cambiar cambiare changer concevoir configura
configurar configurare configure configurer configureren configurez controleren correggere
correggi corregir corrige corriger corrigeren corrigez corrigir corrija crea crear creare criar
crie créer créez define definiere definir definire desplegar despliega diseñar documenta
documentar documentare documente documenter dodaj dodać dokumentiere définir déplacer déployer
düzelt ejecutar ekle elimina eliminar eliminare enregistrer entferne ergänze ersetze erstelle
escreva escrever escribe escribir eseguire excluir executar exibir extraer extraire exécuter
faire fazer füge führe generar generare gerar guardar générer güncelle hacer implantar
implementa implementar implementare implemente implementeren implementiere implémenter
implémentez instala instalar instale installare installer installiere integra integrar integrare
integre integriere intégrer investigar kaldır konfiguriere korrigiere lägg lösche maak maken
mejora mejorar melhorar mettre migliorare migra migrar migrare migre migrer migrez migriere
montar mostrar mova mover mudar mueve napisać napisz napraw naprawić nettoyer nutze oluştur
optimiere optimiser optimiza optimizar otimizar ottimizzare passe permettre permitir preparar
preparare probar projetar prueba przetestować préparer prüfe reemplaza reemplazar refactoriser
refactoriza refactorizar refatorar refatore remova remover remplacer remplacez renombra
renombrar renomear renomeie renommer revisa revisar richte rimuovere rimuovi rinominare räume
rédiger salvar schreibe schrijf schrijven scrivere scrivi skapa sostituire spostare sprawdzić
sprawdź stelle substitua substituir supprimer supprimez sustituir test testar testare teste
testen tester testez toevoegen uppdatera usar usunąć usuń utiliser utworzyć utwórz valida
validar valider verbessere verifica verificar verificare verifique verschiebe verwende verwijder
verwijderen voeg vérifier vérifiez yapılandır zaimplementować zaimplementuj zaktualizować
zaktualizuj ändere écrire écrivez überprüfe внедрить вынести добавить добавь замени заменить
запустить изменить интегрировать исправить исправь мигрировать написать напиши настроить настрой
обеспечить обнови обновить определить оптимизировать переименовать переместить перенести
подготовить поддержать проверить проверь провести протестировать разработать реализовать
реализуй сделай сделать создай создать убери убрать удали удалить улучшить установить
"""
